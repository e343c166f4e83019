"""Figures of a segmentation: particles with their verdicts, and core and shell of the largest that has both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import zarr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.morphology.core_shell import Evenness
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.storage.amendment import read_table
from xanesmap.reconstruct.volumes.units import OPTICAL_DEPTH
from xanesmap.viewers.colours import formula_text, phase_colours
from xanesmap.viewers.drawing.figure_file import save_figure
from xanesmap.viewers.drawing.flat_morphology_figure import flat_morphology_figure
from xanesmap.viewers.drawing.panels import (
    PAGE_WIDTH_MM,
    STYLE,
    axes_at,
    heading,
    length_text,
    letter,
    new_figure,
    round_length,
    statement_figure,
    text_at,
)
from xanesmap.viewers.drawing.surface_drawing import VIEWS, draw_surface, face_colours

FloatArray = NDArray[np.floating[Any]]

_LEFT, _VIEW, _GAP = 6.0, 38.0, 2.0
_BAR_LEFT = _LEFT + 4 * (_VIEW + _GAP) - 2
_NULL_COLOUR, _MEASURED_COLOUR, _EVEN_COLOUR = "#a0a0a0", "#b03a2e", "#00796b"
_VERDICT_COLOURS = {
    "two phases": "#00796b",
    "solid solution or fine mixture": "#b03a2e",
    "one phase": "#5d6d7e",
    "undecided": "#c0c0c0",
}
_SHOWN_PARTICLES = 40
_LINES = ("-", "--", "-.", ":")


def save_morphology_figures(result: PhaseMap, folder: str | Path, *, dpi: int = 200) -> list[Path]:
    """Save the figures of a segmented result as PNG.

    Parameters
    ----------
    result
        A result with particles.
    folder
        Where to; made where it is missing.
    dpi
        Dots per inch.

    Returns
    -------
    The files written.

    Raises
    ------
    DataError
        The result is not segmented, or the folder cannot be written.
    """
    if "segmentation" not in result.attributes:
        message = f"result '{result.path}' is not segmented; run xanesmap segment on it first"
        raise DataError(message)
    figures: dict[str, Callable[[PhaseMap], Figure]] = (
        {"particles": flat_morphology_figure}  # 2-D images have no surfaces, cores and shells
        if result.attenuation_unit == OPTICAL_DEPTH
        else {"particles": particles_figure, "core_shell": core_shell_figure}
    )
    written = []
    with mpl.rc_context(STYLE):
        for name, draw in figures.items():
            figure = draw(result)
            path = Path(folder) / f"{name}.png"
            save_figure(figure, path, dpi=dpi)
            written.append(path)
    return written


def _numbers(result: PhaseMap, table: str, start: str) -> FloatArray:
    """Column whose title begins so, as numbers."""
    columns = read_table(result.path, table)
    title = next(title for title in columns if title.startswith(start))
    return np.array([float(cell) for cell in columns[title]])


def _surface(result: PhaseMap, name: str) -> dict[str, NDArray[Any]]:
    group = zarr.open_group(result.path / "surfaces" / name, mode="r")
    return {key: np.asarray(array[...]) for key, array in group.arrays()}


def _of_particle(surface: dict[str, NDArray[Any]], number: int) -> dict[str, NDArray[Any]]:
    """Part of a surface that belongs to one particle."""
    own = np.flatnonzero(surface["particle"] == number)
    faces = surface["faces"]
    kept = faces[surface["particle"][faces[:, 0]] == number] if len(faces) else faces
    first = int(own[0]) if len(own) else 0  # the vertices of a particle stand together
    return {key: values[own] for key, values in surface.items() if key != "faces"} | {"faces": kept - first}


def core_shell_figure(result: PhaseMap) -> Figure:
    """Largest particle with core and shell: thickness of the shell, the front, depth profile, evenness.

    Parameters
    ----------
    result
        A segmented result.
    """
    title = "Core and shell"
    numbers = read_table(result.path, "core_shell").get("index", [])
    if not numbers:
        return statement_figure(title, "No particle of this result has a core in a shell.")
    number = int(numbers[0])
    figure = new_figure(PAGE_WIDTH_MM, 172)
    heading(figure, f"{title} of particle {number}")
    outer, front = (_of_particle(_surface(result, name), number) for name in ("particle", "front"))
    extent = 1.04 * float(np.ptp(outer["vertices"], axis=0).max())
    _draw_views(figure, outer, "shell_thickness", top=14, label="shell thickness (µm)", extent_um=extent)
    _draw_views(figure, front, "mean_curvature", top=58, label="front curvature (1/µm)", extent_um=extent)
    _scale_bar(figure, extent)
    _draw_thickness(axes_at(figure, 14, 116, 42, 42), outer)
    _draw_profile(axes_at(figure, 72, 116, 44, 42), result, number)
    _draw_evenness(axes_at(figure, 143, 116, 33, 42), result)
    for index, left in enumerate((14, 72, 143)):
        text_at(figure, "cde"[index], left - 6, 113, fontweight="bold", fontsize=9)
    return figure


def _draw_views(
    figure: Figure, surface: dict[str, NDArray[Any]], key: str, *, top: float, label: str, extent_um: float
) -> None:
    first = 0 if key == "shell_thickness" else 1
    values = surface[key]
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [0.01, 0.99]) if known.size else (0.0, 1.0)
    diverging = key == "mean_curvature"
    largest = max(abs(low), abs(high))
    norm = Normalize(-largest, largest) if diverging else Normalize(min(low, 0.0), high)
    colour_map = mpl.colormaps["RdBu_r" if diverging else "viridis"]
    colours = face_colours(values, surface["faces"], colour_map=colour_map, norm=norm)
    text_at(figure, "ab"[first], 3, top + 3, fontweight="bold", fontsize=9)
    for column, view in enumerate(VIEWS):
        axes = axes_at(figure, _LEFT + column * (_VIEW + _GAP), top + 4, _VIEW, _VIEW)
        draw_surface(axes, surface["vertices"], surface["faces"], colours=colours, view=view, extent_um=extent_um)
        if first == 0:
            middle = _LEFT + column * (_VIEW + _GAP) + _VIEW / 2
            text_at(figure, view.title, middle, top + 3, ha="center")
    bar = figure.colorbar(
        ScalarMappable(norm, colour_map),
        cax=axes_at(figure, _BAR_LEFT, top + 8, 2.5, _VIEW - 8),
        extend="both" if diverging else "max",
    )
    bar.set_label(label)


def _scale_bar(figure: Figure, extent_um: float) -> None:
    length = round_length(extent_um / 3)
    axes = axes_at(figure, _LEFT, 104, 2 * _VIEW, 3)
    share = length / extent_um / 2
    axes.plot([0, share], [0.5, 0.5], color="black", linewidth=2.5, solid_capstyle="butt")
    axes.text(share + 0.02, 0.5, f"{length_text(length)} (rows a and b)", va="center")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_axis_off()


def _draw_thickness(axes: Axes, surface: dict[str, NDArray[Any]]) -> None:
    thickness = surface["shell_thickness"]
    weight = _vertex_weights(surface)
    axes.hist(thickness, bins=40, weights=weight / weight.sum(), color="#31688e")
    axes.set(xlabel="shell thickness (µm)", ylabel="share of the surface")


def _vertex_weights(surface: dict[str, NDArray[Any]]) -> FloatArray:
    corners = surface["vertices"][surface["faces"]].astype(np.float64)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    summed = np.bincount(surface["faces"].ravel(), np.repeat(areas, 3), minlength=len(surface["vertices"]))
    return np.asarray(summed, np.float64)


def _draw_profile(axes: Axes, result: PhaseMap, number: int) -> None:
    own = _numbers(result, "depth_profiles", "index") == number
    start, stop, mean, error, even = (
        _numbers(result, "depth_profiles", title)[own]
        for title in ("depth from", "depth to", "mean fraction", "error", "fraction of an evenly")
    )
    depth = (start + stop) / 2
    axes.plot(depth, even, color=_NULL_COLOUR, linestyle="--", label="evenly shrunk core")
    axes.errorbar(
        depth, mean, np.nan_to_num(error), color=_MEASURED_COLOUR, marker="o", markersize=2.5, lw=1, label="measured"
    )
    core = result.attributes["segmentation"]["core_phase"]
    axes.set(xlabel="depth below the surface (µm)", ylabel=f"mean fraction of {formula_text(core)}", ylim=(-0.1, 1.3))
    axes.legend(loc="upper left")


def _draw_evenness(axes: Axes, result: PhaseMap) -> None:
    """Indices on a scale on which the range of evenly shrunk cores runs from 0 to 1."""
    names = [name.replace("_", " ") for name in Evenness.names()]
    axes.axvspan(0, 1, color="#d5d5d5", linewidth=0)
    for row, name in enumerate(names):
        value, low, high = (
            float(_numbers(result, "core_shell", f"{name}{end} (1)")[0]) for end in ("", " null low", " null high")
        )
        if np.isfinite(low):
            place = (value - low) / (high - low)
            colour = _EVEN_COLOUR if 0 <= place <= 1 else _MEASURED_COLOUR
            axes.plot([place], [row], "o", color=colour, markersize=4)
    axes.set(yticks=range(len(names)), ylim=(len(names) - 0.5, -0.5), yticklabels=names)
    axes.set_xlabel("place in the range of\nevenly shrunk cores (grey)")


def particles_figure(result: PhaseMap) -> Figure:
    """Surfaces of all particles, verdicts, depth profiles, sampling size and shape of the fronts.

    Parameters
    ----------
    result
        A segmented result.
    """
    title = "Particles"
    if not read_table(result.path, "particles").get("index"):
        return statement_figure(title, " ".join(result.attributes["segmentation"]["warnings"]) or "No particles.")
    figure = new_figure(PAGE_WIDTH_MM, 174)
    heading(figure, title)
    outer = _surface(result, "particle")
    _draw_particles(figure, result, outer)
    places = ((16, 68, 66, 40), (100, 68, 60, 40), (16, 124, 42, 38), (74, 124, 36, 38), (126, 124, 36, 38))
    panels = [axes_at(figure, *place) for place in places]
    _draw_verdicts(panels[0], result)
    _draw_all_profiles(panels[1], result)
    _draw_sampling(panels[2], result)
    _draw_correlation(panels[3], result)
    _draw_front_shape(figure, panels[4], result)
    for index, axes in enumerate(panels):
        letter(axes, index + 1)
    return figure


def _draw_particles(figure: Figure, result: PhaseMap, outer: dict[str, NDArray[Any]]) -> None:
    phases = list(result.phases)
    core = phases.index(result.attributes["segmentation"]["core_phase"])
    ends = phase_colours(phases)
    other = ends[1 - core] if len(phases) == 2 else np.array([0.85, 0.85, 0.85])
    ramp = ListedColormap(other + (ends[core] - other) * np.linspace(0, 1, 256)[:, None])
    norm = Normalize(0, 1)
    colours = face_colours(outer["core_fraction"], outer["faces"], colour_map=ramp, norm=norm)
    text_at(figure, "a", 3, 13, fontweight="bold", fontsize=9)
    width = 48.0
    for column, view in enumerate(VIEWS[:3]):
        left = _LEFT + column * (width + 2)
        axes = axes_at(figure, left, 15, width, 46)
        draw_surface(axes, outer["vertices"], outer["faces"], colours=colours, view=view)
        _name_particles(axes, result, view)
        text_at(figure, view.title, left + width / 2, 13, ha="center")
    bar = figure.colorbar(ScalarMappable(norm, ramp), cax=axes_at(figure, 160, 20, 2.5, 36))
    bar.set_label(f"fraction of {formula_text(phases[core])}\nbelow the surface")


def _name_particles(axes: Axes, result: PhaseMap, view: Any) -> None:
    """Number of each particle at its centre."""
    places = np.stack([_numbers(result, "particles", f"centroid {axis}") for axis in "zyx"], axis=1)
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7, "fontweight": "bold"}
    box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
    for number, place in enumerate(places[:_SHOWN_PARTICLES], start=1):
        axes.text(place[view.right], place[view.down], str(number), bbox=box, **style)


def _draw_verdicts(axes: Axes, result: PhaseMap) -> None:
    observed, expected, error = (
        _numbers(result, "two_phase", title) for title in ("share between", "expected", "excess error")
    )
    verdicts = read_table(result.path, "two_phase")["verdict"]
    for verdict in dict.fromkeys(verdicts):
        own = np.array([one == verdict for one in verdicts])
        axes.errorbar(
            expected[own], observed[own], 3 * error[own], fmt="o", ms=3, color=_VERDICT_COLOURS[verdict], label=verdict
        )
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.6)
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1.05),
        xlabel="mixed share expected of a sharp front",
        ylabel="mixed share found (± 3 s.e.)",
    )
    axes.legend(loc="lower right", fontsize=6)


def _draw_all_profiles(axes: Axes, result: PhaseMap) -> None:
    index = _numbers(result, "depth_profiles", "index")
    start, stop, mean, error = (
        _numbers(result, "depth_profiles", title) for title in ("depth from", "depth to", "mean fraction", "error")
    )
    colours = mpl.colormaps["tab10"]
    for place, number in enumerate(np.unique(index)[:8]):
        own = index == number
        depth, band = (start[own] + stop[own]) / 2, np.nan_to_num(error[own])
        colour = colours(place % 10)
        axes.plot(depth, mean[own], color=colour, linestyle=_LINES[place % 4], label=f"{number:.0f}")
        axes.fill_between(depth, mean[own] - band, mean[own] + band, color=colour, alpha=0.2, linewidth=0)
    core = result.attributes["segmentation"]["core_phase"]
    axes.set(xlabel="depth below the surface (µm)", ylabel=f"mean fraction of {formula_text(core)}", ylim=(-0.15, 1.15))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="particle", handlelength=1.6)


def _draw_sampling(axes: Axes, result: PhaseMap) -> None:
    edge, variance, error = (
        _numbers(result, "sampling", title) for title in ("box edge", "variance between", "variance error")
    )
    known = np.isfinite(variance) & np.isfinite(error)
    axes.errorbar(edge[known], variance[known], error[known], fmt="o-", color="#31688e", markersize=3)
    axes.set(xlabel="edge of the box (µm)", ylabel="variance between boxes")
    axes.set_ylim(bottom=0)


def _draw_correlation(axes: Axes, result: PhaseMap) -> None:
    titles = ("distance", "correlation (", "correlation error")
    distance, correlation, error = (_numbers(result, "correlation", title) for title in titles)
    axes.plot(distance, correlation, color="#31688e")
    band = np.nan_to_num(error)
    axes.fill_between(distance, correlation - band, correlation + band, color="#31688e", alpha=0.2, linewidth=0)
    axes.axhline(np.exp(-1), color="black", linestyle="--", linewidth=0.6)
    length = result.attributes["segmentation"]["correlation_length_um"]
    if isinstance(length, float):
        axes.axvline(length, color="black", linestyle=":", linewidth=0.8)
    axes.set(xlabel="distance (µm)", ylabel="correlation of the fraction")
    axes.set_ylim(top=1.05)


def _draw_front_shape(figure: Figure, axes: Axes, result: PhaseMap) -> None:
    table = read_table(result.path, "front_shape")
    limit = float(result.attributes["segmentation"]["curvature_limit_per_um"])
    axes.plot([-limit, limit], [-limit, limit], color="black", linewidth=0.6)
    axes.axhline(0, color="black", linewidth=0.3)
    axes.axvline(0, color="black", linewidth=0.3)
    axes.set(xlabel="smaller curvature $k_1$ (1/µm)", ylabel="larger curvature $k_2$ (1/µm)", aspect="equal")
    if not table.get("density of area (um^2)"):
        axes.set(xlim=(-limit, limit), ylim=(-limit, limit))
        axes.text(0, 0, "no front", ha="center", va="center")
        return
    low, high, density = (
        np.array([float(cell) for cell in table[title]])
        for title in ("k1 from (1/um)", "k2 from (1/um)", "density of area (um^2)")
    )
    width = 2 * limit / round(2 * limit / float(np.min(np.diff(np.unique(np.concatenate([low, high]))))))
    reach = float(np.quantile(np.abs(np.concatenate([low, high])), 0.99)) + 2 * width
    points = axes.scatter(low + width / 2, high + width / 2, c=density, s=9, marker="s", cmap="magma_r", linewidths=0)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    figure.colorbar(points, cax=axes_at(figure, 164, 126, 2, 34), label="density of area (µm²)")
