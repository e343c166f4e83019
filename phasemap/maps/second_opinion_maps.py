"""A second opinion on every voxel, written into a result: edge positions, white lines, what the references leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.maps.second_opinion import (
    SampledVoxels,
    edges_of,
    layer_at,
    leftover,
    model_of,
    sample_voxels,
    second_opinion,
)
from xanesmap.phasemap.maps.voxel_maps import VoxelBlock, layers_named, require_attenuation, slabs_of_voxels
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap, open_result
from xanesmap.phasemap.storage.amendment import Amendment
from xanesmap.phasemap.storage.layers import EDGE_MAP_NAMES
from xanesmap.spectra.edge_maps import EdgeMaps
from xanesmap.spectra.residual_components import ResidualComponent, residual_strength

SECOND_OPINION = "second_opinion"
"""Key of the root attributes of a result that says what the second opinion found."""

_RESIDUAL = "residual_component"
_FEATURES = ("half_height", "steepest", "white_line", "edge_integral")


def map_second_opinion(path: str | Path, *, progress: Progress = no_progress) -> PhaseMap:
    """Add edge positions, white lines, edge integrals and the residual component of every voxel to a result.

    Parameters
    ----------
    path
        A result that kept its attenuation; the maps go into it, all at once or not at all, in place of earlier ones.
    progress
        Called with stage, steps done and steps of the stage.

    Returns
    -------
    The result, opened again; see its `edge_maps` and `residual_component`.

    Raises
    ------
    DataError
        Attenuation that was not kept, an empty mask, too few energies for an edge, or a result that cannot be written.
    """
    result = open_result(path)
    require_attenuation(result)
    sampled = sample_voxels(result)
    opinion, component, model = second_opinion(result, sampled), leftover(result, sampled), model_of(result)
    layers = layers_named((*EDGE_MAP_NAMES, _RESIDUAL))

    def measure(block: VoxelBlock) -> Mapping[str, NDArray[Any]]:
        edges = edges_of(result, block.spectra, sampled.variance)
        strength = residual_strength(component, block.spectra, model) / component.sigma
        return {**by_layer(edges), _RESIDUAL: strength}

    slabs = slabs_of_voxels(result, layers, measure, stage="Edges and residuals", progress=progress)
    with Amendment(result.path) as amendment:
        amendment.replace_images(layers, slabs)
        amendment.add_table("edge_positions", *_edge_table(result, sampled, opinion.edges))
        amendment.add_table("residual_component", *_component_table(result, component))
        amendment.finish(
            {
                SECOND_OPINION: {
                    "rank_correlation": opinion.correlation,
                    "eigenvalues": component.eigenvalues,
                    "noise_edge": component.noise_edge,
                    "share": component.share,
                    "noise": np.sqrt(sampled.variance),
                }
            }
        )
    return open_result(path)


def by_layer(edges: EdgeMaps) -> dict[str, NDArray[Any]]:
    """Edge maps by the names of their layers, which do not repeat the unit."""
    names = (name.replace("_ev", "") for name in EdgeMaps.__dataclass_fields__)
    arrays = (getattr(edges, name) for name in EdgeMaps.__dataclass_fields__)
    return dict(zip(names, arrays, strict=True))


def _edge_table(result: PhaseMap, voxels: SampledVoxels, edges: EdgeMaps) -> tuple[list[str], Iterator[list[object]]]:
    """Median and spread of the features in the voxels of every phase label."""
    titles = [f"{name.replace('_', ' ')}{what} (eV)" for name in _FEATURES for what in ("", " spread", " error")]
    own = layer_at(result, "phase_labels", voxels)

    def rows() -> Iterator[list[object]]:
        for number, name in enumerate(result.label_names, start=1):
            cells: list[object] = [name, int(np.count_nonzero(own == number))]
            for feature in _FEATURES:
                cells += _spread(
                    by_layer(edges)[feature][own == number], by_layer(edges)[f"{feature}_sigma"][own == number]
                )
            yield cells

    return ["label", "voxels looked at", *titles], rows()


def _spread(values: NDArray[Any], sigma: NDArray[Any]) -> list[object]:
    """Median, half the width that holds the middle 68 %, and median error of single voxels; NaN without any."""
    found = np.isfinite(values) & np.isfinite(sigma)
    if not found.any():
        return [float("nan")] * 3
    low, middle, high = np.percentile(values[found], [16, 50, 84])
    return [float(middle), float(high - low) / 2, float(np.median(sigma[found]))]


def _component_table(result: PhaseMap, component: ResidualComponent) -> tuple[list[str], list[list[object]]]:
    rows: list[list[object]] = [list(row) for row in zip(result.energies_ev, component.spectrum, strict=True)]
    return ["energy as recorded (eV)", "shape of the residual component (1)"], rows
