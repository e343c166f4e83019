"""What unmixing found: maps of a slice, the spectra behind them, and how much each explains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.storage.amendment import read_table
from xanesmap.viewers.colours import CATEGORIES, OUTSIDE, formula_text
from xanesmap.viewers.drawing.figure_file import save_figure
from xanesmap.viewers.drawing.map_panels import draw_map, percentile_norm, signed_norm
from xanesmap.viewers.drawing.panels import PAGE_WIDTH_MM, STYLE, axes_at, heading, letter, new_figure, text_at
from xanesmap.viewers.drawing.slices import slice_position

_TITLES = {
    "components": "Principal components",
    "factors": "Non-negative factors",
    "cluster_labels": "Clusters of spectra",
}
_SPECTRA = {"components": "component_spectra", "factors": "factor_spectra", "cluster_labels": "cluster_spectra"}
_MOST_MAPS = 6
_WIDTH, _TOP, _STEP, _BELOW = 44.0, 17.0, 56.0, 62.0


def unmixing_figure(result: PhaseMap, layer: str) -> Figure:
    """Maps, spectra and shares of what `unmix_phases` has added to a result.

    Parameters
    ----------
    result
        The result.
    layer
        "components", "factors" or "cluster_labels".

    Raises
    ------
    DataError
        The layer is not there, or the mask is empty.
    """
    position = slice_position(result)
    if layer not in result.attributes.get("unmixing", {}) or position is None:
        message = f"result '{result.path}' holds no {layer}; make them: xanesmap unmix {result.path}"
        raise DataError(message)
    array = result.levels(layer)[0]
    images = (
        np.asarray(array[position.z])[np.newaxis] if layer == "cluster_labels" else np.asarray(array[:, position.z])
    )
    rows = -(-min(len(images), _MOST_MAPS) // 3)
    with mpl.rc_context(STYLE):
        figure = new_figure(PAGE_WIDTH_MM, _TOP + _STEP * rows + _BELOW)
        heading(figure, _TITLES[layer])
        for number, image in enumerate(images[:_MOST_MAPS]):
            row, column = divmod(number, 3)
            axes = axes_at(figure, 8 + 59.0 * column, _TOP + _STEP * row, _WIDTH, _WIDTH)
            if layer == "cluster_labels":
                _draw_labels(figure, axes, image, count=int(result.attributes["unmixing"][layer]["components"]))
            else:
                _draw_image(figure, axes, image, title=_image_title(result, layer, number))
            letter(axes, number)
        n_maps = min(len(images), _MOST_MAPS)
        below = _TOP + _STEP * rows + 4
        spectra = axes_at(figure, 16, below, 92, 42)
        _draw_spectra(spectra, result, layer)
        letter(spectra, n_maps)
        shares = axes_at(figure, 126, below, 48, 42)
        _draw_shares(shares, result, layer)
        letter(shares, n_maps + 1)
        text_at(figure, f"maps: slice at z = {position.z * result.pixel_size_um:.2f} µm", 8, below + _BELOW - 8)
    return figure


def save_unmixing_figure(result: PhaseMap, layer: str, folder: Path) -> Path:
    """Draw the figure into a folder; its path."""
    path = folder / f"{_TITLES[layer].lower().replace(' ', '_').replace('-', '_')}.png"
    save_figure(unmixing_figure(result, layer), path)
    return path


def _image_title(result: PhaseMap, layer: str, number: int) -> str:
    if layer == "components":
        return f"component {number + 1} (σ)"
    return f"factor {number + 1} ({result.attenuation_unit.replace('um', 'µm')})"


def _draw_image(figure: Figure, axes: Axes, image: NDArray[Any], *, title: str) -> None:
    if title.startswith("component"):
        norm = signed_norm(image, least=3.0)
        draw_map(figure, axes, image, title=title, norm=norm, colours="RdBu_r", place="above")
        return
    draw_map(figure, axes, image, title=title, norm=percentile_norm(image), colours="viridis", place="above")


def _draw_labels(figure: Figure, axes: Axes, image: NDArray[Any], *, count: int) -> None:
    borders = BoundaryNorm(np.arange(-0.5, count + 1), count + 1)
    shown = axes.imshow(
        image, cmap=ListedColormap([OUTSIDE, *CATEGORIES[:count]]), norm=borders, interpolation="nearest"
    )
    axes.set(xticks=[], yticks=[], xlabel="x →", ylabel="y\n↓")
    axes.yaxis.label.set(rotation=0, ha="right", va="center")
    bar = figure.colorbar(shown, ax=axes, fraction=0.045, pad=0.03, label="cluster", ticks=range(1, count + 1))
    bar.ax.set_ylim(0.5, count + 0.5)


def _draw_spectra(axes: Axes, result: PhaseMap, layer: str) -> None:
    columns = read_table(result.path, _SPECTRA[layer])
    energies = np.array(columns.pop("energy (eV)"), float)
    columns.pop("mean", None)
    for number, (name, values) in enumerate(columns.items()):
        curve = np.array(values, float)
        scale = np.abs(curve).max() if layer == "components" else 1.0
        axes.plot(energies, curve / scale, "o-", ms=1.5, lw=0.8, color=CATEGORIES[number], label=name)
    if layer == "factors":
        fit = result.attributes["fit"]
        for number, name in enumerate(result.phases):
            curve = np.array(fit["design"], float)[:, number]
            axes.plot(energies, curve, "--", lw=0.7, color="#707070", label=formula_text(name) if number < 3 else None)
    axes.set(xlabel="photon energy (eV)", ylabel="shape" if layer == "components" else "absorption per edge step")
    axes.legend(fontsize=6, loc="best")


def _draw_shares(axes: Axes, result: PhaseMap, layer: str) -> None:
    if layer == "components":
        table = read_table(result.path, "scree")
        values = np.array(table["variance over noise (1)"], float)
        edge = float(result.attributes["unmixing"]["components"]["noise_edge"])
        axes.semilogy(np.arange(1, values.size + 1), values, "o-", color="black", ms=3)
        axes.axhline(edge, color="#c0392b", lw=0.7, ls="--", label="noise")
        axes.set(xlabel="component", ylabel="variance over noise")
        axes.legend()
        return
    name, key = ("factors", "factor") if layer == "factors" else ("clusters", "cluster")
    table = read_table(result.path, name)
    shares = np.array(table["share (%)"], float)
    axes.bar(np.arange(1, shares.size + 1), shares, color=CATEGORIES[: shares.size])
    axes.set(xlabel=key, ylabel="share (%)", xticks=np.arange(1, shares.size + 1))
