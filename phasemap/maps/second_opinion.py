"""Chemistry of a result without its references, and what its references leave: two checks of the fractions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from xanesmap.errors import DataError
from xanesmap.phasemap.result import PhaseMap
from xanesmap.spectra.combination_model import CombinationModel
from xanesmap.spectra.edge_maps import EdgeMaps, edge_maps
from xanesmap.spectra.edge_normalisation import EdgeWindows
from xanesmap.spectra.elements import element_of_scan
from xanesmap.spectra.residual_components import ResidualComponent, residual_component

FloatArray = NDArray[np.floating[Any]]

MOST_VOXELS = 200_000
"""Voxels drawn at most: enough for any correlation, and a gigabyte at most."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampledVoxels:
    """Voxels of a sample with their spectra.

    Parameters
    ----------
    where
        `(3, voxel)` z, y and x of each.
    spectra
        `(energy, voxel)` attenuation, 1/um.
    variance
        `(energy,)` typical variance of it, (1/um)^2.
    """

    where: NDArray[np.intp]
    spectra: FloatArray
    variance: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SecondOpinion:
    """Edge positions of sampled voxels beside their fractions.

    Parameters
    ----------
    fraction
        `(voxel,)` fraction of the first phase.
    edges
        Their edge features.
    correlation
        Spearman's rank correlation of fraction and half-height position, over the voxels that have both: a few voxels
        without a clear edge do not decide it.
    """

    fraction: FloatArray
    edges: EdgeMaps
    correlation: float


def sample_voxels(
    result: PhaseMap, *, slice_z: int | None = None, most: int = MOST_VOXELS, seed: int = 0
) -> SampledVoxels:
    """Voxels inside the mask with their kept attenuation.

    Parameters
    ----------
    result
        A result that kept its attenuation.
    slice_z
        Slice to take them from, all of them; when not given, drawn from ten slices spread over the sample.
    most
        Voxels drawn at most where no slice is given.
    seed
        Of the choice.

    Raises
    ------
    DataError
        Attenuation that was not kept, or an empty mask.
    """
    if result.mu is None:
        message = f"result '{result.path}' did not keep its attenuation; run again with --keep-mu."
        raise DataError(message)
    mask = result.levels("mask")[0]
    slices = range(result.shape[0]) if slice_z is None else (slice_z,)
    filled = [z for z in slices if np.asarray(mask[z]).any()]
    if not filled:
        message = f"the mask of result '{result.path}' is empty there, so there is no voxel to look at."
        raise DataError(message)
    chosen = sorted({filled[i] for i in np.linspace(0, len(filled) - 1, 10).astype(int)})
    where, spectra = zip(*(_of_slice(result, z) for z in chosen), strict=True)
    places, columns = np.concatenate(where, axis=1), np.concatenate(spectra, axis=1)
    if columns.shape[1] > most and slice_z is None:
        kept = np.random.default_rng(seed).choice(columns.shape[1], most, replace=False)
        places, columns = places[:, kept], columns[:, kept]
    return SampledVoxels(where=places, spectra=columns, variance=_typical_variance(columns, model_of(result)))


def model_of(result: PhaseMap) -> CombinationModel:
    """Model with which a result was fitted, from its attributes."""
    fit = result.attributes["fit"]
    design, n_phases = np.asarray(fit["design"], dtype=np.float64), len(result.phases)
    matrix = fit.get("matrix")
    return CombinationModel(
        references=design[:, :n_phases].T,
        background=design[:, n_phases:].T,
        weights=np.asarray(fit["weights"], dtype=np.float64),
        matrix=None if matrix is None else np.asarray(matrix, dtype=np.float64),
    )


def second_opinion(result: PhaseMap, voxels: SampledVoxels) -> SecondOpinion:
    """Edge positions of voxels, to hold against their fractions.

    Raises
    ------
    DataError
        Too few energies on the edge, or an edge of no known element.
    """
    edges = edges_of(result, voxels.spectra, voxels.variance)
    fraction = layer_at(result, "fraction", voxels, 0)
    both = np.isfinite(fraction) & np.isfinite(edges.half_height_ev)
    correlation = spearmanr(fraction[both], edges.half_height_ev[both])[0] if both.sum() > 2 else np.nan
    return SecondOpinion(fraction=fraction, edges=edges, correlation=float(correlation))


def edges_of(result: PhaseMap, spectra: FloatArray, variance: FloatArray) -> EdgeMaps:
    """Edge features of spectra with the windows of the element of a result.

    Parameters
    ----------
    result
        The result: its energies, on the scale of its references.
    spectra
        `(energy, voxel)` attenuation, 1/um.
    variance
        `(energy,)` variance of it, (1/um)^2.

    Raises
    ------
    DataError
        Too few energies on the edge, or an edge of no known element.
    """
    energies = np.asarray(result.attributes.get("energies_on_scale_ev", result.energies_ev), dtype=np.float64)
    element = element_of_scan(energies)
    windows = EdgeWindows(edge_ev=element.edge_ev, pre_edge_ev=element.pre_edge_ev, post_edge_ev=element.post_edge_ev)
    return edge_maps(
        spectra,
        energies,
        windows=windows,
        rise_ev=element.rise_ev,
        white_line_ev=element.white_line_ev,
        variance=variance,
    )


def leftover(result: PhaseMap, voxels: SampledVoxels) -> ResidualComponent:
    """Strongest shape that the references of a result leave in its voxels."""
    return residual_component(voxels.spectra, model_of(result), noise=np.sqrt(voxels.variance))


def layer_at(result: PhaseMap, name: str, voxels: SampledVoxels, *leading: int) -> FloatArray:
    """`(voxel,)` values of a layer in voxels.

    Parameters
    ----------
    result
        The result the voxels were taken from.
    name
        Name of the layer.
    voxels
        The voxels.
    leading
        Index along the axis before z, where the layer has one.
    """
    layer = result.levels(name)[0]
    found = np.empty(voxels.where.shape[1])
    for z in np.unique(voxels.where[0]):
        here = voxels.where[0] == z
        found[here] = np.asarray(layer[(*leading, int(z))])[voxels.where[1][here], voxels.where[2][here]]
    return found


def _of_slice(result: PhaseMap, z: int) -> tuple[NDArray[np.intp], FloatArray]:
    inside = np.asarray(result.levels("mask")[0][z]) > 0
    mu = result.levels("mu")[0]
    spectra = np.stack([np.asarray(mu[energy, z])[inside] for energy in range(result.energies_ev.size)])
    finite = np.isfinite(spectra).all(axis=0)
    y, x = np.nonzero(inside)
    return np.stack([np.full(y.size, z), y, x])[:, finite], spectra[:, finite].astype(np.float64)


def _typical_variance(spectra: FloatArray, model: CombinationModel) -> FloatArray:
    """`(energy,)` variance of a voxel from the residuals of all, in the proportions of the weights.

    The median over the voxels of the scatter: what a minority of voxels holds beside the references does not count.
    """
    residual = model.residuals(spectra)
    used = model.used
    relative = (residual[used] ** 2 * model.weights[used, np.newaxis]).sum(axis=0)
    n_free = max(int(used.sum()) - model.design.shape[1], 1)
    return np.asarray(np.median(relative) / n_free / model.weights)
