"""The spectra with which an alignment predicts frames: of the references, or of the data where those are not known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.config import RunConfig
from xanesmap.phasemap.mapping.energy_scale import find_energy_scale, sample_on_scale
from xanesmap.reconstruct.alignment.state import SpectraOfProfiles
from xanesmap.reconstruct.scan import Scan
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.reference import Reference
from xanesmap.spectra.tied_background import tie_background

FloatArray = NDArray[np.floating[Any]]

_COMPONENTS = 2
_LEAST_STRUCTURE = 0.2
_ROUNDS_OF_NMF = 500


def spectra_source(scan: Scan, references: list[Reference], config: RunConfig) -> SpectraOfProfiles:
    """Function that gives the spectra from the attenuation of every detector row.

    With `align.components` set to `data`, the first spectra come from the rows alone; once the frames are near their
    places, those of the references take over.
    """
    calls = 0

    def spectra(profiles: NDArray[np.float64]) -> FloatArray:
        nonlocal calls
        calls += 1
        if config.align.components == "data" and calls == 1:
            return components_of_rows(profiles)
        return _tied_references(profiles, scan, references, config)

    return spectra


def _tied_references(
    profiles: NDArray[np.float64], scan: Scan, references: list[Reference], config: RunConfig
) -> NDArray[np.float64]:
    energies, total = scan.energies_ev, total_of_rows(profiles)
    scale = find_energy_scale(energies, references, config.spectra, total=total)
    sampled = sample_on_scale(references, scale)
    background = background_columns(energies, kind=config.spectra.background)
    return tie_background(total, sampled, background).T


def total_of_rows(profiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Attenuation of every energy, blind to a level that all rows of an energy share.

    What the level of air is taken for differs from energy to energy by the pattern of the detector, which is far more
    than counting noise. Rows are weighted with what they hold beyond the mean of all rows.

    Parameters
    ----------
    profiles
        `(energy, v)` attenuation of every row.

    Returns
    -------
    `(energy,)` relative attenuation; the plain sum where all rows hold alike.
    """
    mean = profiles.mean(axis=0)
    weights = mean - mean.mean()
    if mean.mean() <= 0 or weights.std() < _LEAST_STRUCTURE * mean.mean():
        return np.asarray(profiles.sum(axis=1))
    return np.asarray(profiles @ weights / (mean @ weights))


def components_of_rows(profiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two spectra whose mixtures describe all detector rows.

    Parameters
    ----------
    profiles
        `(energy, v)` attenuation of every row.

    Returns
    -------
    `(energy, 2)` non-negative, each of mean 1: non-negative matrix factorisation (Lee and Seung, Nature 401, 788
    (1999), doi:10.1038/44565).
    """
    from sklearn.decomposition import NMF  # scikit-learn takes a second to import

    filled = profiles[:, profiles.sum(axis=0) > 0.02 * profiles.sum(axis=0).max()]
    model = NMF(_COMPONENTS, init="nndsvda", max_iter=_ROUNDS_OF_NMF, tol=1e-6)
    found = np.asarray(model.fit_transform(np.maximum(filled / filled.mean(), 0)), np.float64)
    return np.asarray(found / np.maximum(found.mean(axis=0), np.finfo(float).tiny))
