"""Triangles of a mesh, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from xanesmap.phasemap.compilation import compiled


@compiled
def face_vectors(vertices: Any, faces: Any) -> Any:
    """`(face, 3)` outward normal of every triangle times twice its area."""
    found = np.empty((len(faces), 3))
    one, other = np.empty(3), np.empty(3)
    for i in range(len(faces)):
        for axis in range(3):
            start = vertices[faces[i, 0], axis]
            one[axis] = vertices[faces[i, 1], axis] - start
            other[axis] = vertices[faces[i, 2], axis] - start
        found[i, 0] = one[1] * other[2] - one[2] * other[1]
        found[i, 1] = one[2] * other[0] - one[0] * other[2]
        found[i, 2] = one[0] * other[1] - one[1] * other[0]
    return found


@compiled
def vertex_sums(faces: Any, values: Any, n_vertices: int) -> Any:
    """`(vertex, number)` sum of `values`, `(face, number)`, over the faces around each vertex."""
    found = np.zeros((n_vertices, values.shape[1]))
    for i in range(len(faces)):
        for corner in range(3):
            for k in range(values.shape[1]):
                found[faces[i, corner], k] += values[i, k]
    return found


@compiled
def neighbour_smoothed(values: Any, starts: Any, neighbours: Any, passes: float) -> Any:
    """Values, `(vertex, number)`, moved half way to the mean of their neighbours, pass after pass, the last in part.

    Parameters
    ----------
    values
        To be smoothed; float64, C-contiguous.
    starts, neighbours
        The neighbours of vertex `i` are `neighbours[starts[i] : starts[i + 1]]`.
    passes
        Number of passes.
    """
    n, width = values.shape
    old, new = values.copy(), np.empty_like(values)
    left = passes
    while left > 0:
        step = 0.5 * min(left, 1.0)
        for i in range(n):
            count = starts[i + 1] - starts[i]
            for k in range(width):
                total = 0.0
                for j in range(starts[i], starts[i + 1]):
                    total += old[neighbours[j], k]
                new[i, k] = old[i, k] + step * (total / count - old[i, k]) if count else old[i, k]
        old, new = new, old
        left -= 1.0
    return old
