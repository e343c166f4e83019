"""Shapes with exact line integrals, shared by the tests of everything that reconstructs."""

import numpy as np
import pytest


class Discs:
    """Uniform discs `(radius, x, y, value)` in pixels about the house axis."""

    def __init__(self, *discs):
        self.discs = discs

    def sinogram(self, angles, n_u, centre):
        """Line integrals averaged over each detector pixel."""
        columns = np.arange(n_u) + (np.arange(16)[:, None] - 7.5) / 16
        total = np.zeros((len(angles), n_u))
        for radius, x, y, value in self.discs:
            axis = centre + x * np.cos(angles) - y * np.sin(angles)
            offset = columns[:, None, :] - axis[None, :, None]
            total += value * 2 * np.sqrt(np.clip(radius**2 - offset**2, 0, None)).mean(axis=0)
        return total.astype(np.float32)

    def inside(self, n, index, *, margin):
        """Mask of the pixels at least `margin` inside disc `index` (outside all discs for index None)."""
        y, x = np.mgrid[:n, :n] - (n - 1) / 2
        distance = [np.hypot(x - cx, y - cy) - radius for radius, cx, cy, _ in self.discs]
        if index is None:
            return (np.min(distance, axis=0) > margin) & (np.hypot(x, y) < 0.45 * n)
        return distance[index] < -margin


@pytest.fixture
def asymmetric_discs():
    """Three discs that no mirror image or rotation maps onto themselves, scaled to `n` pixels."""

    def make(n):
        return Discs(
            (0.14 * n, 0.2 * n, 0.05 * n, 1.0),
            (0.09 * n, -0.15 * n, 0.2 * n, 2.0),
            (0.08 * n, -0.1 * n, -0.25 * n, 0.5),
        )

    return make
