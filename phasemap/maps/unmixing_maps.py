"""Unmixing of the voxels of a result, written into it: principal components, factors, or clusters of spectra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, assert_never, get_args

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.maps.second_opinion import SampledVoxels, layer_at, model_of, sample_voxels
from xanesmap.phasemap.maps.voxel_maps import Measure, VoxelBlock, require_attenuation, slabs_of_voxels
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap, open_result
from xanesmap.phasemap.storage.amendment import Amendment
from xanesmap.phasemap.storage.layers import Layer, layer_named
from xanesmap.spectra.combination import fit_combination, make_model
from xanesmap.spectra.combination_model import CombinationModel
from xanesmap.spectra.unmixing import ClusterMethod, cluster_spectra, factorise, principal_components

FloatArray = NDArray[np.floating[Any]]
UnmixMethod = Literal["pca", "nmf", "k-means", "gaussian-mixture"]
Table = tuple[Sequence[str], Sequence[Sequence[object]]]

UNMIXING: Final = "unmixing"
"""Key of the root attributes of a result that says how it was unmixed, by layer."""

MOST_COMPONENTS: Final = 12
MOST_VOXELS: Final = 50_000
"""Voxels that components, factors and clusters are found in; all voxels are mapped."""

_SCREE = 8
_SHAPE_SHARE = 0.5  # of the highest absorption is the shape that a further factor starts from


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unmixed:
    """What was found in some voxels, and how to map it.

    Parameters
    ----------
    layer, n_leading
        What is mapped, and the length of its leading axis.
    measure
        From the voxels of a block to the values of the layer.
    tables
        By name.
    facts
        For the attributes of the result.
    """

    layer: Layer
    n_leading: tuple[int, ...]
    measure: Measure
    tables: Mapping[str, Table]
    facts: Mapping[str, Any]


def unmix_phases(
    path: str | Path,
    *,
    method: UnmixMethod = "pca",
    components: int | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> PhaseMap:
    """Unmix the spectra of a result with little or no knowledge of its phases, and write the maps into it.

    Parameters
    ----------
    path
        A result that kept its attenuation; what is found goes into it, all at once or not at all, in place of what the
        same method found before.
    method
        "pca": principal components. "nmf": non-negative factors that start from the references of the result, further
        ones from what those leave. "k-means", "gaussian-mixture": clusters of spectra of unit edge step.
    components
        Components, factors or clusters. When not given: components that noise does not explain, as many factors as
        phases, clusters by the Bayesian information criterion (of k-means: as many as phase labels).
    seed
        Of the choice of voxels and of the starts.
    progress
        Called with stage, steps done and steps of the stage.

    Returns
    -------
    The result, opened again; see its `components`, `factors` or `cluster_labels`.

    Raises
    ------
    DataError
        An unknown method, a number that cannot be found, attenuation that was not kept, or an empty mask.
    FitError
        Too few voxels.
    """
    result = open_result(path)
    require_attenuation(result)
    _check(result, method, components)
    voxels = sample_voxels(result, most=MOST_VOXELS, seed=seed)
    progress("Unmix", 0, 1)
    found = _find(result, voxels, method=method, components=components, seed=seed)
    progress("Unmix", 1, 1)
    layers = {found.layer: found.n_leading}
    slabs = slabs_of_voxels(result, layers, found.measure, stage="Map components", progress=progress)
    told = {"method": method, "seed": seed, "voxels": voxels.spectra.shape[1], **found.facts}
    with Amendment(result.path) as amendment:
        amendment.replace_images(layers, slabs)
        for name, (header, rows) in found.tables.items():
            amendment.add_table(name, header, rows)
        amendment.finish({UNMIXING: {**result.attributes.get(UNMIXING, {}), found.layer.name: told}})
    return open_result(path)


def _check(result: PhaseMap, method: str, components: int | None) -> None:
    if method not in get_args(UnmixMethod):
        message = f"unmixing by {method!r} was asked for; there are {', '.join(get_args(UnmixMethod))}."
        raise DataError(message)
    most = min(MOST_COMPONENTS, result.energies_ev.size - 1)
    if components is not None and not 1 <= components <= most:
        message = f"{components} components were asked for; of {result.energies_ev.size} energies give 1 to {most}."
        raise DataError(message)


def _find(
    result: PhaseMap, voxels: SampledVoxels, *, method: UnmixMethod, components: int | None, seed: int
) -> Unmixed:
    match method:
        case "pca":
            return _principal(result, voxels, components)
        case "nmf":
            return _factors(result, voxels, components or len(result.phases), seed=seed)
        case "k-means":
            return _clusters(result, voxels, components or len(result.label_names), method=method, seed=seed)
        case "gaussian-mixture":
            return _clusters(result, voxels, components, method=method, seed=seed)
        case _:
            assert_never(method)


def _principal(result: PhaseMap, voxels: SampledVoxels, components: int | None) -> Unmixed:
    asked = max(_SCREE, components or 0)
    found = principal_components(voxels.spectra, noise=np.sqrt(voxels.variance), n_components=asked)
    kept = components or max(1, min(found.n_significant, _SCREE))
    shown = _numbered("component", found.spectra[:kept])
    scree = [[number, value, value / found.noise_edge] for number, value in enumerate(found.eigenvalues, start=1)]
    return Unmixed(
        layer=layer_named("components"),
        n_leading=(kept,),
        measure=lambda block: {"components": found.project(block.spectra)[:kept]},
        tables={
            "component_spectra": _spectra_table(result, {"mean": found.mean, **shown}),
            "scree": (["component", "variance over noise (1)", "times the noise edge (1)"], scree),
        },
        facts={"components": kept, "significant": found.n_significant, "noise_edge": found.noise_edge},
    )


def _factors(result: PhaseMap, voxels: SampledVoxels, n_factors: int, *, seed: int) -> Unmixed:
    model = model_of(result)
    spectra = model.without_background(voxels.spectra)
    start = _starts(voxels, model, n_factors)
    found = factorise(spectra, start, seed=seed)
    mixing = make_model(found.spectra, np.empty((0, result.energies_ev.size)), noise=np.sqrt(voxels.variance))

    def measure(block: VoxelBlock) -> dict[str, FloatArray]:
        values = model.without_background(block.spectra)
        fit = fit_combination(values, mixing, constraint="non-negative", variance=voxels.variance)
        return {"factors": fit.amounts}

    origins = [*result.phases, *["what the references leave"] * n_factors][:n_factors]
    shares = found.amounts.sum(axis=1) / found.amounts.sum()
    rows = zip(range(1, n_factors + 1), origins, found.change, 100 * shares, strict=True)
    noise = np.sqrt(voxels.variance.mean() / (spectra**2).mean())
    return Unmixed(
        layer=layer_named("factors"),
        n_leading=(n_factors,),
        measure=measure,
        tables={
            "factor_spectra": _spectra_table(result, _numbered("factor", found.spectra)),
            "factors": (
                ["factor", "started from", "change from it, rms (1)", "share (%)"],
                [list(row) for row in rows],
            ),
        },
        facts={"components": n_factors, "misfit": found.misfit, "misfit_of_noise": float(noise)},
    )


def _starts(voxels: SampledVoxels, model: CombinationModel, n_factors: int) -> FloatArray:
    """The references, and for further factors their mean with a shape that they leave."""
    references = np.asarray(model.references, np.float64)
    if n_factors <= len(references):
        return references[:n_factors]
    left = model.residuals(voxels.spectra)
    shapes = principal_components(left, noise=np.sqrt(voxels.variance), n_lost=model.design.shape[1])
    more = n_factors - len(references)
    # the sign of a component is arbitrary: positive where most of it is
    signs = np.where((shapes.scores[:more] ** 3).mean(axis=1) >= 0, 1.0, -1.0)
    heights = np.abs(shapes.spectra[:more]).max(axis=1)
    shape = shapes.spectra[:more] * (signs * _SHAPE_SHARE * references.max() / heights)[:, np.newaxis]
    return np.concatenate([references, np.maximum(references.mean(axis=0) + shape, 0)])


def _clusters(
    result: PhaseMap, voxels: SampledVoxels, n_clusters: int | None, *, method: ClusterMethod, seed: int
) -> Unmixed:
    model = model_of(result)
    amount = layer_at(result, "amount", voxels)
    typical = float(np.median(amount))

    def normalised(spectra: FloatArray, amounts: FloatArray) -> FloatArray:
        # a voxel at a rim may hold next to nothing: its noise is not blown up without limit
        return model.without_background(spectra) / np.maximum(amounts, 0.2 * typical)

    noise = np.sqrt(voxels.variance) / typical
    found = cluster_spectra(
        normalised(voxels.spectra, amount), noise=noise, n_clusters=n_clusters, method=method, seed=seed
    )
    rows: list[list[object]] = []
    for number, size in enumerate(found.sizes):
        own, weight = found.labels == number, amount[found.labels == number]
        means = [
            float(layer_at(result, "fraction", voxels, phase)[own] @ weight / weight.sum())
            for phase in range(len(result.phases))
        ]
        rows.append([number + 1, int(size), 100 * float(size) / found.labels.size, *means])
    return Unmixed(
        layer=layer_named("cluster_labels"),
        n_leading=(),
        measure=lambda block: {"cluster_labels": found.assign(normalised(block.spectra, block.amount)) + 1},
        tables={
            "cluster_spectra": _spectra_table(result, _numbered("cluster", found.spectra)),
            "clusters": (
                ["cluster", "voxels looked at", "share (%)", *(f"mean fraction {phase}" for phase in result.phases)],
                rows,
            ),
        },
        facts={"components": len(found.sizes), "criterion": found.criterion},
    )


def _numbered(name: str, spectra: FloatArray) -> dict[str, FloatArray]:
    return {f"{name} {number}": spectrum for number, spectrum in enumerate(spectra, start=1)}


def _spectra_table(result: PhaseMap, curves: Mapping[str, FloatArray]) -> Table:
    energies = np.asarray(result.attributes.get("energies_on_scale_ev", result.energies_ev), np.float64)
    return ["energy (eV)", *curves], [list(row) for row in zip(energies, *curves.values(), strict=True)]
