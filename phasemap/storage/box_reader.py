"""Maps of a result read box by box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.storage.row_blocks import Rows

FloatArray = NDArray[np.floating[Any]]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxReader:
    """Fraction of one phase, its standard deviation and the edge step of a result."""

    result: PhaseMap
    phase: int
    sample: Rows | None = None
    """`(z, y, x)` 0 outside of a sample narrower than the mask of the result, which then has no maps there."""

    def read(self, box: Box) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Fraction, sigma and edge step in a box, `(z, y, x)` each; NaN outside of the sample."""
        fraction, amount = (self.result.levels(name)[0] for name in ("fraction", "amount"))
        sigma = self.result.noise_levels()[0]
        key = (self.phase, *box)
        found = np.asarray(fraction[key]), np.asarray(sigma[key]), np.asarray(amount[box])
        if self.sample is None:
            return found
        outside = np.asarray(self.sample[box]) == 0
        values, errors, held = (np.where(outside, np.nan, one) for one in found)
        return values, errors, held

    def clipped(self, low: FloatArray, high: FloatArray) -> tuple[Box, NDArray[np.int64]]:
        """Box of all voxels between two corners, at least one voxel, within the volume; and its first voxel."""
        shape = np.array(self.result.shape)
        first = np.clip(np.floor(low), 0, shape - 1).astype(np.int64)
        last = np.clip(np.ceil(high) + 1, first + 1, shape).astype(np.int64)
        z, y, x = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
        return (z, y, x), first
