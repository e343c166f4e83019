"""A phase map of a simulated scan against its truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.alignment.store import displacement_in
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.truth import Truth
from xanesmap.phasemap.truth_registration import moved_truth, position_of_object

# Layers of voxels left out next to any surface: there the reconstruction blurs, and truth and map differ by design.
_EROSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class KindAccuracy:
    """Agreement with the truth inside all particles of one kind.

    Parameters
    ----------
    kind
        "core-shell", "LiFePO4", "FePO4" or "mixed".
    voxels
        Voxels compared: those of the particle away from surfaces and inside the mask.
    true_fraction, fraction
        Mean fraction of the first phase, of the iron atoms: truth and map.
    standard_error
        Of the mean difference, from the scatter of the voxels taken as independent.
    amount_ratio
        Mean edge step over its true value.
    pull_width
        Standard deviation of (fraction - truth) / sigma; 1 where the error bars are right.
    """

    kind: str
    voxels: int
    true_fraction: float
    fraction: float
    standard_error: float
    amount_ratio: float
    pull_width: float

    @property
    def bias(self) -> float:
        """Mean difference of fraction and truth."""
        return self.fraction - self.true_fraction


def compare_with_truth(result: PhaseMap, truth: Truth) -> tuple[KindAccuracy, ...]:
    """Accuracy of a phase map, by kind of particle.

    Parameters
    ----------
    result
        Phase map of the simulated scan.
    truth
        Its truth, on the same voxels. An aligned map is compared where it has the object.

    Raises
    ------
    DataError
        Result and truth differ in size, or the result lacks a phase of the truth.
    """
    if result.shape != truth.particle.shape:
        message = (
            f"Result {result.path} has {result.shape} voxels, but the truth has {truth.particle.shape}. "
            "Compare a result with the truth of the scan it was made from."
        )
        raise DataError(message)
    if truth.phases[0] not in result.phases:
        message = f"Result {result.path} holds {', '.join(result.phases)}; the truth needs {truth.phases[0]}."
        raise DataError(message)
    displacement = displacement_in(Path(result.path))
    if displacement is not None:
        truth = moved_truth(truth, position_of_object(displacement, truth))
    index = result.phases.index(truth.phases[0])
    fraction, sigma = np.asarray(result.fraction[index]), np.asarray(result.fraction_sigma[index])
    amount = np.asarray(result.amount)
    inside = {
        kind: truth.interior(kind, erosion=_EROSION) & np.isfinite(fraction) & np.isfinite(truth.fraction[0])
        for kind in dict.fromkeys(truth.kinds)
    }
    return tuple(_compare(kind, where, fraction, sigma, amount, truth) for kind, where in inside.items() if where.any())


def _compare(
    kind: str,
    where: NDArray[np.bool_],
    fraction: NDArray[np.float32],
    sigma: NDArray[np.float32],
    amount: NDArray[np.float32],
    truth: Truth,
) -> KindAccuracy:
    difference = (fraction - truth.fraction[0])[where].astype(np.float64)
    return KindAccuracy(
        kind=kind,
        voxels=int(where.sum()),
        true_fraction=float(truth.fraction[0][where].mean(dtype=np.float64)),
        fraction=float(fraction[where].mean(dtype=np.float64)),
        standard_error=float(difference.std() / np.sqrt(len(difference))),
        amount_ratio=float(amount[where].mean(dtype=np.float64) / truth.amount[where].mean(dtype=np.float64)),
        pull_width=float((difference / sigma[where]).std()),
    )
