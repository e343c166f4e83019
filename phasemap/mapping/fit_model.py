"""The columns, weights and normalisation with which every voxel of a run is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import FitError
from xanesmap.phasemap.config import SpectraConfig
from xanesmap.phasemap.mapping.energy_scale import EnergyScale, sample_on_scale
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import CombinationModel, make_model
from xanesmap.spectra.edge_normalisation import EdgeWindows, normalisation_warning, normalising_matrix
from xanesmap.spectra.elements import element_of_scan
from xanesmap.spectra.reference import Reference
from xanesmap.spectra.robust_energies import trusted_energies

FloatArray = NDArray[np.floating[Any]]


def fit_model(
    scale: EnergyScale,
    references: Sequence[Reference],
    settings: SpectraConfig,
    *,
    noise: FloatArray | None = None,
    total: FloatArray | None = None,
) -> CombinationModel:
    """Model of the fit at the energies of a scan.

    Parameters
    ----------
    scale
        The energies on the scale of the references (`find_energy_scale`).
    references
        Reference spectra.
    settings
        Background, normalisation, and what becomes of bad energies.
    noise
        `(energy,)` standard deviation of each energy; equal weights when not given.
    total
        `(energy,)` spectrum summed over the sample, which a normalisation by a global slope and the search for bad
        energies take; without it there is neither.

    Raises
    ------
    DataError
        References that do not cover the scan, or windows without energies.
    FitError
        References that cannot be told apart at these energies.
    """
    sampled = sample_on_scale(references, scale)
    kind = settings.background if settings.normalisation == "none" else "none"
    sigma = np.ones(scale.recorded_ev.size) if noise is None else np.asarray(noise, dtype=np.float64)
    sigma = np.where(scale.covered, sigma, np.inf)
    background = background_columns(scale.recorded_ev, kind=kind)
    names = [reference.name for reference in references]
    matrix = _matrix(scale, settings, total=total)
    model = make_model(sampled, background, noise=sigma, names=names, matrix=matrix)
    if settings.bad_energies == "keep" or total is None:
        return model
    sigma = np.where(_trusted(total, model), sigma, np.inf)
    return make_model(sampled, background, noise=sigma, names=names, matrix=matrix)


def fit_facts(model: CombinationModel, references: Sequence[Reference]) -> dict[str, Any]:
    """What the attributes of a result tell of its fit: the curves, their weights, and the normalisation if any."""
    background = (f"background {number}" for number in range(1, len(model.background) + 1))
    facts = {
        "columns": [*(reference.name for reference in references), *background],
        "design": model.design,
        "weights": model.weights,
    }
    return facts if model.matrix is None else {**facts, "matrix": model.matrix}


def edge_windows(energies_ev: FloatArray, settings: SpectraConfig) -> EdgeWindows:
    """Edge energy, and pre-edge and post-edge windows, of a scan.

    Raises
    ------
    DataError
        No known edge, or several, within the energies.
    """
    element = element_of_scan(energies_ev)
    return EdgeWindows(
        edge_ev=element.edge_ev,
        pre_edge_ev=settings.pre_edge_ev or element.pre_edge_ev,
        post_edge_ev=settings.post_edge_ev or element.post_edge_ev,
    )


def notes_of_model(energies_ev: FloatArray, model: CombinationModel, settings: SpectraConfig) -> list[str]:
    """What a user should know about normalisation and energies, one sentence each."""
    notes = []
    if settings.normalisation != "none":
        windows = edge_windows(energies_ev, settings)
        notes.append(normalisation_warning(energies_ev, kind=settings.normalisation, windows=windows))
    rejected = energies_ev[~model.used]
    if settings.bad_energies == "reject" and rejected.size:
        listed = ", ".join(f"{energy:.1f}" for energy in rejected)
        notes.append(
            f"{rejected.size} of {energies_ev.size} energies ({listed} eV) have no say in the fit, because the summed "
            "spectrum does not fit there or the references do not reach them."
        )
    return [note for note in notes if note is not None]


def _matrix(scale: EnergyScale, settings: SpectraConfig, *, total: FloatArray | None) -> FloatArray | None:
    if settings.normalisation == "none" and settings.post_edge == "none":
        return None
    # Until the total spectrum is known, its slope is: none.
    kind = "constant" if settings.normalisation == "global-slope" and total is None else settings.normalisation
    windows = edge_windows(scale.recorded_ev, settings)
    return normalising_matrix(scale.energies_ev, kind=kind, windows=windows, post_edge=settings.post_edge, total=total)


def _trusted(total: FloatArray, model: CombinationModel) -> NDArray[np.bool_]:
    try:
        return trusted_energies(total, model)
    except FitError:
        return np.ones(len(model.design), bool)
