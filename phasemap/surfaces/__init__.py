"""Surfaces as triangle meshes: area, curvature, distance, and what blur does to them."""
