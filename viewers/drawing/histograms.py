"""Counts of the values of a map inside the mask, read block by block."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.result import PhaseMap


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Voxels by value."""

    edges: NDArray[np.floating]
    """(bin + 1,)"""
    counts: NDArray[np.int64]
    """(bin,)"""
    beyond: int
    """Voxels with a value below the first or above the last edge."""

    @property
    def total(self) -> int:
        """All voxels with a value."""
        return int(self.counts.sum()) + self.beyond

    @property
    def median(self) -> float:
        """Value that half of the voxels in the bins do not exceed, interpolated inside its bin."""
        cumulative = np.concatenate([[0], np.cumsum(self.counts)])
        return float(np.interp(cumulative[-1] / 2, cumulative, self.edges))


def histogram(result: PhaseMap, name: str, *, edges: NDArray[np.floating], phase: int | None = None) -> Histogram:
    """Count the values of a map inside the mask.

    Parameters
    ----------
    result
        A finished result.
    name
        Name of the layer, NaN outside the mask.
    edges
        (bin + 1,) increasing.
    phase
        Index of the phase, of a layer that has phases.
    """
    array = result.levels(name)[0]
    counts = np.zeros(len(edges) - 1, dtype=np.int64)
    total = 0
    for block in result.blocks():
        values = _finite(array[block if phase is None else (phase, *block)])
        counts += np.histogram(values, edges)[0]
        total += values.size
    return Histogram(edges=edges, counts=counts, beyond=total - int(counts.sum()))


def _finite(values: Any) -> NDArray[np.floating]:
    array = np.asarray(values)
    finite: NDArray[np.floating] = array[np.isfinite(array)]
    return finite


def share_within(result: PhaseMap, *, phase: int, limits: tuple[float, float]) -> tuple[float, float, float]:
    """Shares of the voxels inside the mask whose fraction is below, between and above two limits.

    Parameters
    ----------
    result
        A finished result with at least one voxel inside the mask.
    phase
        Index of the phase.
    limits
        Lower and upper limit of the fraction.
    """
    edges = np.array([-np.inf, *limits, np.inf])
    counts = histogram(result, "fraction", edges=edges, phase=phase).counts
    below, between, above = (counts / counts.sum()).tolist()
    return below, between, above
