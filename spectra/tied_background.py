"""Spectra of the phases with everything else that attenuates tied to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]


def tie_background(totals: FloatArray, references: FloatArray, background: FloatArray) -> NDArray[np.float64]:
    """Reference spectra plus the background that goes with a unit amount of phase.

    A background of its own in every voxel would leave the energies before the edge, where nothing but background
    shows, without a tie to those after it. Background per amount is taken as the same throughout, and found from the
    total spectrum of the scan.

    Parameters
    ----------
    totals
        `(energy,)` attenuation summed over the scan, any unit.
    references
        `(phase, energy)` normalised spectra.
    background
        `(column, energy)` background columns, possibly none.

    Returns
    -------
    `(phase, energy)` spectra, in units of the edge step.

    Raises
    ------
    DataError
        The total spectrum shows no edge.
    """
    columns = np.concatenate([references, background]).astype(np.float64)
    amounts = np.linalg.lstsq(columns.T, np.asarray(totals, np.float64), rcond=None)[0]
    phases, rest = amounts[: len(references)], amounts[len(references) :]
    if phases.sum() <= 0:
        message = (
            "The attenuation summed over the scan does not rise at the edge, so the references do not describe it. "
            "Check energies, references and flats."
        )
        raise DataError(message)
    return np.asarray(references + (rest / phases.sum()) @ columns[len(references) :])
