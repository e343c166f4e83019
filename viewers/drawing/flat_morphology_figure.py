"""Figure of a segmentation of 2-D images: particles outlined over fraction and labels, and what their table says."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from skimage.measure import find_contours

from xanesmap.phasemap.morphology.table_scale import with_error
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.storage.amendment import read_table
from xanesmap.viewers.colours import formula_text, fraction_map, label_map, phase_colours
from xanesmap.viewers.drawing.panels import (
    PAGE_WIDTH_MM,
    axes_at,
    heading,
    length_text,
    letter,
    new_figure,
    round_length,
    statement_figure,
)

FloatArray = NDArray[np.floating[Any]]

_LEFT, _TOP, _GAP, _BAR = 6.0, 16.0, 4.0, 22.0
_MAP_WIDTH = (PAGE_WIDTH_MM - _LEFT - _GAP - _BAR) / 2
_HIGHEST_MAP, _PLOT_HEIGHT = 95.0, 42.0
_LEGEND = 9.0  # mm below the maps
_NAMED = 40
_CUT_COLOUR, _COLOUR = "#b03a2e", "#31688e"


def flat_morphology_figure(result: PhaseMap) -> Figure:
    """Particles over the fraction of the core's phase and over the labels, with composition and areas.

    Parameters
    ----------
    result
        A segmented result of 2-D images.
    """
    numbers = np.asarray(result.particle_labels)[0]
    if not numbers.any():
        return statement_figure("Particles", " ".join(result.attributes["segmentation"]["warnings"]))
    height = min(_HIGHEST_MAP, _MAP_WIDTH * numbers.shape[0] / numbers.shape[1])
    below = _TOP + height + _LEGEND + 10
    figure = new_figure(PAGE_WIDTH_MM, below + _PLOT_HEIGHT + 14)
    heading(figure, "Particles and phases of the image")
    outlines = _outlines(numbers)
    panels = [axes_at(figure, _LEFT + i * (_MAP_WIDTH + _GAP), _TOP, _MAP_WIDTH, height) for i in range(2)]
    _draw_fraction(figure, panels[0], result, height)
    _draw_labels(panels[1], result)
    for index, axes in enumerate(panels):
        _draw_particles(axes, result, outlines, shape=numbers.shape)
        letter(axes, index)
    _scale_bar(panels[0], numbers.shape[1] * result.pixel_size_um)
    compositions = axes_at(figure, 18, below, 82, _PLOT_HEIGHT)
    areas = axes_at(figure, 124, below, 50, _PLOT_HEIGHT)
    _draw_compositions(compositions, result)
    _draw_areas(areas, result)
    letter(compositions, 2)
    letter(areas, 3)
    return figure


def _outlines(numbers: NDArray[Any]) -> list[FloatArray]:
    """`(point, 2)` y, x of the outlines of all particles and of their pores, pixels."""
    draw: Any = find_contours  # the library has no annotations
    found: list[FloatArray] = []
    for number, box in enumerate(find_objects(numbers), start=1):
        if box is None:
            continue
        corner = np.array([part.start - 1 for part in box])
        own = np.pad(numbers[box] == number, 1).astype(np.float64)
        found += [contour + corner for contour in draw(own, 0.5)]
    return found


def _draw_fraction(figure: Figure, axes: Axes, result: PhaseMap, height: float) -> None:
    core = result.attributes["segmentation"]["core_phase"]
    index = result.phases.index(core)
    ramp, norm = fraction_map(result.phases, index), Normalize(0, 1)
    axes.imshow(np.asarray(result.levels("fraction")[0][index, 0]), cmap=ramp, norm=norm, interpolation="nearest")
    axes.set_title(f"fraction of {formula_text(core)}", pad=3)
    bar = figure.colorbar(
        ScalarMappable(norm, ramp), cax=axes_at(figure, PAGE_WIDTH_MM - _BAR + 3, _TOP, 3, height), extend="both"
    )
    bar.set_label(f"fraction of {formula_text(core)}")


def _draw_labels(axes: Axes, result: PhaseMap) -> None:
    labels = np.asarray(result.phase_labels)[0].astype(np.float64)
    norm = Normalize(0.5, len(result.label_names) + 0.5)
    shown = np.where(labels > 0, labels, np.nan)
    axes.imshow(shown, cmap=label_map(result.phases), norm=norm, interpolation="nearest")
    axes.set_title("phase labels", pad=3)
    patches = [
        Patch(color=tuple(colour), label=formula_text(name))
        for name, colour in zip(result.label_names, phase_colours(result.phases), strict=True)
    ]
    axes.legend(
        handles=patches,
        ncols=len(patches),
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        handlelength=1.0,
        columnspacing=1.2,
    )


def _draw_particles(axes: Axes, result: PhaseMap, outlines: list[FloatArray], *, shape: tuple[int, ...]) -> None:
    """Outlines, and the numbers of the largest ones at their centres."""
    for outline in outlines:
        axes.plot(outline[:, 1], outline[:, 0], color="black", linewidth=0.7)
    y, x = (_numbers(result, "particles", with_error(f"centroid {axis}", "um")[0]) for axis in "yx")
    box = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 6.5, "fontweight": "bold"}
    for number, place in enumerate(zip(x[:_NAMED], y[:_NAMED], strict=True), start=1):
        across, down = (value / result.pixel_size_um for value in place)
        axes.text(across, down, str(number), bbox=box, **style)
    axes.set(xticks=[], yticks=[], xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5))
    axes.spines[:].set_color("#b0b0b0")


def _scale_bar(axes: Axes, width_um: float) -> None:
    """Bar below a map, of a round length."""
    length = round_length(width_um / 3)
    below: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
    axes.plot([0, length / width_um], [-0.04, -0.04], color="black", lw=2.5, solid_capstyle="butt", **below)
    axes.text(length / width_um + 0.02, -0.04, length_text(length), va="center", transform=axes.transAxes)


def _draw_compositions(axes: Axes, result: PhaseMap) -> None:
    """Mean fraction of every particle against its size, with errors; those that the field cuts are hollow."""
    core = result.attributes["segmentation"]["core_phase"]
    size, size_error = (_numbers(result, "particles", title) for title in with_error("equivalent diameter", "um"))
    mean, error = (
        _numbers(result, "particles", title) for title in (f"mean fraction of {core} (1)", "mean fraction error (1)")
    )
    cut = _numbers(result, "particles", "cut by field (0 or 1)") > 0
    for own, face, colour, name in ((~cut, _COLOUR, _COLOUR, "whole"), (cut, "white", _CUT_COLOUR, "cut by the field")):
        if own.any():
            options: dict[str, Any] = {"fmt": "o", "ms": 3.5, "mfc": face, "color": colour, "lw": 0.8, "label": name}
            axes.errorbar(size[own], mean[own], error[own], size_error[own], **options)
    axes.set(xlabel="equivalent diameter (µm)", ylabel=f"mean fraction of {formula_text(core)}", ylim=(-0.1, 1.1))
    axes.margins(x=0.08)
    if cut.any():
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _draw_areas(axes: Axes, result: PhaseMap) -> None:
    area, error = (_numbers(result, "phases", title) for title in with_error("area", "um^2"))
    places = np.arange(len(area))
    axes.bar(places, area, yerr=error, color=[tuple(c) for c in phase_colours(result.phases)], width=0.65, capsize=2)
    axes.set_xticks(places, [formula_text(name) for name in result.label_names])
    axes.set_ylabel("area (µm²)")
    axes.set_ylim(bottom=0)


def _numbers(result: PhaseMap, table: str, title: str) -> FloatArray:
    return np.array([float(cell) for cell in read_table(result.path, table)[title]])
