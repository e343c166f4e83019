"""What a viewer shows, when asked, of images that commands have added to a result and of labels that explain it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import to_rgba
from numpy.typing import NDArray

from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.storage.layers import PER_LENGTH
from xanesmap.viewers.colours import CATEGORIES, fraction_map
from xanesmap.viewers.napari_plugin.layers.planned_layer import (
    LENGTH_UNIT,
    RAMP,
    Levels,
    Meaning,
    PlannedLayer,
    diverging_ramp,
    value_limits,
)

_ENERGIES = {
    "half_height": "edge at half height (eV)",
    "steepest": "steepest rise (eV)",
    "white_line": "white line (eV)",
    "edge_integral": "edge by area (eV)",
}
_HEIGHTS = {"edge_step": "edge step", "white_line_height": "white line height"}
_CLEAR = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Labels:
    """Labels 1, 2, ...: what they are called, and their colours; in napari's colours where none are given."""

    title: str
    names: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()

    def colouring(self) -> dict[int | None, tuple[float, ...]]:
        if not self.colours:
            return {}
        colouring: dict[int | None, tuple[float, ...]] = {None: _CLEAR, 0: _CLEAR}
        for value, colour in enumerate(self.colours, start=1):
            colouring[value] = tuple(map(float, to_rgba(colour)))
        return colouring

    def features(self) -> dict[str, list[Any]]:
        if not self.names:
            return {}
        return {"index": list(range(1 + len(self.names))), self.title: ["outside", *self.names]}


_LABELS = {
    "cluster_labels": _Labels(title="cluster", colours=CATEGORIES),
    "assessment": _Labels(
        title="verdict on the fit",
        names=("ok", "no signal", "poor fit", "outside the references"),
        colours=("#9e9e9e", "#56b4e9", "#d55e00", "#cc79a7"),
    ),
    "pore_labels": _Labels(title="pore"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Image:
    """One map: of which stored image, called what, in which colours."""

    stored: str
    index: int | None = None
    """Along its first axis, where it has one before z."""
    title: str
    ramp: NDArray[np.float64] | str
    meaning: Meaning = "amount"
    limits: tuple[float, float] | None = None
    comparable: bool = True


def added_images(result: PhaseMap, layers: Levels) -> Iterator[PlannedLayer]:
    """Images of `xanesmap second-opinion`, `unmix` and `denoise`, as far as a result holds them.

    Parameters
    ----------
    result
        An opened result.
    layers
        Its lazy levels.
    """
    for image in (*_edges(result), *_unmixed(result), *_denoised(result)):
        if result.has(image.stored):
            yield _planned(result, layers, image)


def _edges(result: PhaseMap) -> Iterator[_Image]:
    heights = {name: f"{title}{_per_length(result)}" for name, title in _HEIGHTS.items()}
    for name, title in (heights | _ENERGIES).items():
        meaning: Meaning = "position" if name in _ENERGIES else "amount"
        yield _Image(stored=f"{name}_sigma", title=f"sigma of {title}", ramp="magma")
        yield _Image(stored=name, title=title, ramp="viridis", meaning=meaning)


def _unmixed(result: PhaseMap) -> Iterator[_Image]:
    yield _deviations("residual_component", "residual component (σ)")
    for index in _entries(result, "components"):
        yield _deviations("components", f"component {index + 1} (σ)", index)
    for index in _entries(result, "factors"):
        title = f"factor {index + 1}{_per_length(result)}"
        yield _Image(stored="factors", index=index, title=title, ramp="viridis", comparable=False)


def _deviations(stored: str, title: str, index: int | None = None) -> _Image:
    """A map on both sides of zero, over its noise."""
    ramp = diverging_ramp()
    return _Image(stored=stored, index=index, title=title, ramp=ramp, meaning="signed", comparable=False)


def _denoised(result: PhaseMap) -> Iterator[_Image]:
    yield _Image(stored="denoised_amount", title=f"denoised amount{_per_length(result)}", ramp="gray")
    for index, phase in enumerate(result.phases):
        ramp = np.asarray(fraction_map(result.phases, index)(RAMP))
        title = f"denoised fraction {phase}"
        yield _Image(stored="denoised_fraction", index=index, title=title, ramp=ramp, limits=(0.0, 1.0))


def _entries(result: PhaseMap, name: str) -> range:
    """Indices along the first axis of an image; none where it is not there."""
    return range(result.levels(name)[0].shape[0] if result.has(name) else 0)


def _per_length(result: PhaseMap) -> str:
    return f" ({LENGTH_UNIT})" if result.attenuation_unit == PER_LENGTH else ""


def _planned(result: PhaseMap, layers: Levels, image: _Image) -> PlannedLayer:
    levels = layers(image.stored) if image.index is None else layers(image.stored, image.index)
    return PlannedLayer(
        name=image.stored if image.index is None else f"{image.stored} {image.index + 1}",
        title=image.title,
        kind="image",
        data=levels,
        scale=(result.pixel_size_um,) * 3,
        limits=image.limits or value_limits(levels[-1], meaning=image.meaning),
        ramp=image.ramp,
        comparable=image.comparable,
    )


def added_labels(result: PhaseMap, layers: Levels) -> Iterator[PlannedLayer]:
    """Clusters of spectra, verdicts on the fits and closed pores, as far as a result holds them; on disk.

    Parameters
    ----------
    result
        An opened result.
    layers
        Its lazy levels.
    """
    for name, labels in _LABELS.items():
        if result.has(name):
            yield PlannedLayer(
                name=name,
                title=labels.title,
                kind="labels",
                data=layers(name),
                scale=(result.pixel_size_um,) * 3,
                label_colours=labels.colouring(),
                features=labels.features(),
                comparable=name != "cluster_labels",
            )
