"""Rows of image panels: the maps of a result in three planes, with their colours and limits."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import BoundaryNorm, Colormap, ListedColormap, Normalize
from numpy.typing import NDArray

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.colours import OUTSIDE, composite, formula_text, fraction_map, label_map, phase_colours
from xanesmap.viewers.drawing.panels import ImageRow
from xanesmap.viewers.drawing.slices import SlicePosition, cut


def fraction_rows(result: PhaseMap, position: SlicePosition) -> list[ImageRow]:
    """Slices of the fraction of each phase in `shown_phases`, NaN outside the mask."""
    planes = cut(result, "fraction", position)
    return [
        ImageRow(
            images=[plane[phase] for plane in planes],
            title=_fraction_title(result, phase),
            colours=fraction_map(result.phases, phase),
            norm=Normalize(0, 1),
            ticks=(0, 0.25, 0.5, 0.75, 1),
            extend="both",
        )
        for phase in shown_phases(result)
    ]


def _fraction_title(result: PhaseMap, phase: int) -> str:
    title = f"fraction {formula_text(result.phases[phase])}"
    return f"{title}\n(0: {formula_text(result.phases[1])})" if len(result.phases) == 2 else title


def shown_phases(result: PhaseMap) -> range:
    """Choose the phases worth a panel: of two the first, the other being one minus it; else all."""
    return range(1 if len(result.phases) == 2 else len(result.phases))


def amount_row(result: PhaseMap, position: SlicePosition) -> ImageRow:
    """Slices of the edge step of all phases."""
    images = cut(result, "amount", position)
    return ImageRow(
        images=images,
        title="amount\n(edge step, 1/µm)",
        colours=_sequential("viridis"),
        norm=Normalize(0, _upper_limit(images)),
        extend="max",
    )


def sigma_row(result: PhaseMap, position: SlicePosition) -> ImageRow:
    """Slices of the standard error of the fraction; of several phases, the largest."""
    # fmax, unlike nanmax, says nothing of pixels that are NaN in every phase.
    images = [np.fmax.reduce(plane, axis=0) for plane in cut(result, "fraction_sigma", position)]
    return ImageRow(
        images=images,
        title=_sigma_title(result),
        colours=_sequential("magma"),
        norm=Normalize(0, _upper_limit(images)),
        extend="max",
    )


def _sigma_title(result: PhaseMap) -> str:
    return "σ of the fraction" + ("\n(largest phase)" if len(result.phases) > 2 else "")


def label_row(result: PhaseMap, position: SlicePosition) -> ImageRow:
    """Slices of the phase labels."""
    images = [np.where(plane > 0, plane, np.nan) for plane in cut(result, "phase_labels", position)]
    n_labels = len(result.label_names)
    return ImageRow(
        images=images,
        title="phase label",
        colours=label_map(result.phases),
        norm=BoundaryNorm(np.arange(n_labels + 1) + 0.5, n_labels),
        ticks=range(1, n_labels + 1),
        tick_labels=[formula_text(name) for name in result.label_names],
    )


def _sequential(name: str) -> Colormap:
    return mpl.colormaps[name].with_extremes(bad=OUTSIDE)


def _upper_limit(images: Sequence[NDArray[Any]]) -> float:
    values = np.concatenate([image[np.isfinite(image)] for image in images])
    limit = float(np.percentile(values, 99)) if values.size else 0.0
    return limit if limit > 0 else 1.0


def composite_row(result: PhaseMap, position: SlicePosition) -> ImageRow:
    """Slices of the colours of the phases mixed by fraction, paler where there is less amount."""
    amounts = cut(result, "amount", position)
    limit = _upper_limit(amounts)
    fractions = cut(result, "fraction", position)
    images = [
        composite(fraction, np.nan_to_num(amount) / limit, result.phases)
        for fraction, amount in zip(fractions, amounts, strict=True)
    ]
    n_phases = len(result.phases)
    return ImageRow(
        images=images,
        title="composite",
        colours=ListedColormap(phase_colours(result.phases)[:-1]),
        norm=BoundaryNorm(np.arange(n_phases + 1) + 0.5, n_phases),
        ticks=range(1, n_phases + 1),
        tick_labels=[formula_text(name) for name in result.phases],
    )
