"""Figures of a result for a paper: slices, labels, spectra, histograms and uncertainties.

Each function takes a result and returns a Matplotlib figure 180 mm wide; nothing needs a display.
"""

import math
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from xanesmap.errors import DataError
from xanesmap.phasemap.alignment.reporting import read_report
from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.colours import formula_text, fraction_map, phase_colours
from xanesmap.viewers.drawing.alignment_figure import alignment_figure
from xanesmap.viewers.drawing.energy_scale_figure import energy_scale_figure
from xanesmap.viewers.drawing.histograms import histogram, share_within
from xanesmap.viewers.drawing.label_spectra import as_fitted, label_spectra
from xanesmap.viewers.drawing.map_rows import (
    amount_row,
    composite_row,
    fraction_rows,
    label_row,
    shown_phases,
    sigma_row,
)
from xanesmap.viewers.drawing.panels import (
    PAGE_WIDTH_MM,
    STYLE,
    axes_at,
    heading,
    letter,
    new_figure,
    page_height_mm,
    slice_rows_figure,
    statement_figure,
    text_at,
)
from xanesmap.viewers.drawing.second_opinion_figure import second_opinion_figure
from xanesmap.viewers.drawing.slices import slice_position
from xanesmap.viewers.drawing.spectrum_panels import draw_spectra

LABEL_THRESHOLD = 0.7
"""Fraction above which a voxel counts as one phase, where the result does not say: Yu et al., Nat. Commun. 9,
921 (2018), doi:10.1038/s41467-018-03401-x."""

_EMPTY = "The mask of this result is empty: no voxel holds any of the phases, so there is nothing to show."
_FRACTION_EDGES = np.arange(-20, 71, dtype=np.float64) * 0.02  # -0.4 to 1.4, with 0.3 and 0.7 on edges
_BELOW_MM = 62.0
_VOLUME_MM, _VOLUME_COLUMNS = 13.0, 4
_PLOT_LEFT_MM, _PLOT_RIGHT_MM = 16.0, 4.0

Arguments = ParamSpec("Arguments")
Drawn = TypeVar("Drawn")


def _styled(function: Callable[Arguments, Drawn]) -> Callable[Arguments, Drawn]:
    @wraps(function)
    def drawn(*arguments: Arguments.args, **options: Arguments.kwargs) -> Drawn:
        with mpl.rc_context(STYLE):
            return function(*arguments, **options)

    return drawn


@_styled
def slices_figure(result: PhaseMap) -> Figure:
    """Three orthogonal slices of the fractions, the amount, the uncertainty and the labels.

    Of two phases the first is shown, the other being one minus it; of three or more, each.

    Parameters
    ----------
    result
        A finished result.

    Returns
    -------
    Figure
        With one scale bar for all panels and a colour bar for each row; a statement where the mask is empty.
    """
    title = "Phase map in three orthogonal slices"
    position = slice_position(result)
    if position is None:
        return statement_figure(title, _EMPTY)
    rows = [
        *fraction_rows(result, position),
        amount_row(result, position),
        sigma_row(result, position),
        label_row(result, position),
    ]
    return slice_rows_figure(rows, title=title, position=position, pixel_size_um=result.pixel_size_um)


@_styled
def labels_figure(result: PhaseMap) -> Figure:
    """Composite of the phase colours, weighted by amount, the phase labels, and the volumes of the labels.

    Parameters
    ----------
    result
        A finished result.
    """
    title = "Phases and their volumes"
    position = slice_position(result)
    if position is None:
        return statement_figure(title, _EMPTY)
    rows = [composite_row(result, position), label_row(result, position)]
    figure = slice_rows_figure(
        rows,
        title=title,
        position=position,
        pixel_size_um=result.pixel_size_um,
        below_mm=_VOLUME_MM * _volume_rows(result),
    )
    _write_volumes(figure, result)
    return figure


def _volume_rows(result: PhaseMap) -> int:
    return math.ceil(len(result.label_names) / _VOLUME_COLUMNS)


def _write_volumes(figure: Figure, result: PhaseMap) -> None:
    volumes = result.phase_volumes_um3()
    total = sum(volumes.values())
    first = page_height_mm(figure) - _VOLUME_MM * _volume_rows(result)
    note = "Composite: colours mixed by fraction, paler where there is less amount."
    text_at(figure, note, PAGE_WIDTH_MM - 4, first - 5, ha="right", va="center", fontsize=7)
    for number, (name, volume) in enumerate(volumes.items()):
        row, column = divmod(number, _VOLUME_COLUMNS)
        left, top = 7 + column * (PAGE_WIDTH_MM - 10) / _VOLUME_COLUMNS, first + 4 + row * _VOLUME_MM
        share = f"{volume / total:.1%}" if total else "–"
        colour = to_hex(phase_colours(result.phases)[number])
        text_at(figure, "■", left, top, color=colour, fontsize=11, va="center")
        text = f"{formula_text(name)}\n{volume:.3g} µm³ ({share})"
        text_at(figure, text, left + 5, top, va="center", linespacing=1.3)


@_styled
def histogram_figure(result: PhaseMap) -> Figure:
    """Histogram of the fractions inside the mask, with the thresholds of the phase labels.

    Parameters
    ----------
    result
        A finished result; its root attribute ``label_threshold`` overrides `LABEL_THRESHOLD`.
    """
    title = "Fractions inside the mask"
    phases = shown_phases(result)
    if slice_position(result) is None:
        return statement_figure(title, _EMPTY)
    figure = new_figure(PAGE_WIDTH_MM, 13 + 57 * len(phases))
    heading(figure, title)
    for row in phases:
        axes = axes_at(figure, _PLOT_LEFT_MM, 13 + 57 * row, _plot_width(1), 42)
        _draw_fractions(axes, result, row)
        letter(axes, row)
    return figure


def _plot_width(columns: int, gap: float = 5.0) -> float:
    return (PAGE_WIDTH_MM - _PLOT_LEFT_MM - _PLOT_RIGHT_MM - gap * (columns - 1)) / columns


def _draw_fractions(axes: Axes, result: PhaseMap, phase: int) -> None:
    counted = histogram(result, "fraction", edges=_FRACTION_EDGES, phase=phase)
    centres = (counted.edges[1:] + counted.edges[:-1]) / 2
    colours = fraction_map(result.phases, phase)(np.clip(centres, 0, 1))
    axes.bar(centres, counted.counts, width=np.diff(counted.edges), color=colours, edgecolor="#606060", lw=0.3)
    axes.set(xlim=(counted.edges[0], counted.edges[-1]), ylabel="voxels")
    axes.set_xlabel(f"fraction {formula_text(result.phases[phase])}")
    axes.set_ylim(0, 1.35 * max(counted.counts.max(), 1))
    if counted.beyond:
        note = f"{counted.beyond} of {counted.total} voxels lie outside this range"
        axes.annotate(note, (1, 1), xytext=(0, 3), xycoords="axes fraction", textcoords="offset points", ha="right")
    _mark_thresholds(axes, result, phase)


def _mark_thresholds(axes: Axes, result: PhaseMap, phase: int) -> None:
    upper = float(result.attributes.get("label_threshold", LABEL_THRESHOLD))
    limits = (min(1 - upper, upper), max(1 - upper, upper))
    first, last = axes.get_xlim()
    borders = (first, *limits, last)
    for limit in limits:
        axes.axvline(limit, color="black", linestyle="--", linewidth=0.8)
    shares = share_within(result, phase=phase, limits=limits)
    texts = _class_names(result, limits)
    for left, right, text, share in zip(borders[:-1], borders[1:], texts, shares, strict=True):
        axes.text(
            (left + right) / 2,
            0.97,
            f"{text}\n{share:.1%}",
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
        )


def _class_names(result: PhaseMap, limits: tuple[float, float]) -> tuple[str, str, str]:
    if len(result.phases) == 2:
        first, second = (formula_text(name) for name in result.phases)
        return second, "mixed", first
    return f"below {limits[0]:.2g}", "between", f"above {limits[1]:.2g}"


@_styled
def sigma_figure(result: PhaseMap) -> Figure:
    """Map of the standard error of the fractions, and its histogram inside the mask.

    Parameters
    ----------
    result
        A finished result.
    """
    title = "Standard error of the fractions"
    position = slice_position(result)
    if position is None:
        return statement_figure(title, _EMPTY)
    row = sigma_row(result, position)
    figure = slice_rows_figure(
        [row], title=title, position=position, pixel_size_um=result.pixel_size_um, below_mm=_BELOW_MM
    )
    height_mm = page_height_mm(figure)
    axes = axes_at(figure, _PLOT_LEFT_MM, height_mm - _BELOW_MM + 8, _plot_width(1), _BELOW_MM - 20)
    _draw_sigmas(axes, result, upper=1.5 * float(row.norm.vmax or 1))
    letter(axes, 1)
    return figure


def _draw_sigmas(axes: Axes, result: PhaseMap, *, upper: float) -> None:
    edges = np.linspace(0, upper, 101)
    for phase in shown_phases(result):
        counted = histogram(result, "fraction_sigma", edges=edges, phase=phase)
        colour = phase_colours(result.phases)[phase] if len(result.phases) > 2 else "#4d4d4d"
        name = formula_text(result.phases[phase])
        label = f"{name}: median {counted.median:.3g}, {counted.beyond} of {counted.total} voxels above the range"
        axes.stairs(counted.counts, counted.edges, color=colour, label=label)
        axes.axvline(counted.median, color=colour, linestyle="--", linewidth=0.8)
    axes.set(xlim=(0, upper), xlabel="σ of the fraction (one standard deviation)", ylabel="voxels")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper right")


@_styled
def spectra_figure(result: PhaseMap) -> Figure | None:
    """Mean spectrum of each phase label with its fit, the components of the fit, and the residual.

    Parameters
    ----------
    result
        A finished result.

    Returns
    -------
    Figure or None
        None where mu was not kept.
    """
    if result.mu is None:
        return None
    title = "Mean spectrum of each phase label"
    spectra = as_fitted(result, label_spectra(result))
    if not spectra:
        return statement_figure(title, "No voxel carries a phase label, so there is no spectrum to show.")
    figure = draw_spectra(result, spectra)
    heading(figure, title)
    return figure


def save_figures(result: PhaseMap, folder: str | Path, *, dpi: int = 200) -> list[Path]:
    """Save every figure of a result as PNG.

    Parameters
    ----------
    result
        A finished result.
    folder
        Where to; made where it is missing.
    dpi
        Dots per inch: 200 gives 1417 pixels of width.

    Returns
    -------
    list of Path
        The files written; ``spectra.png`` and ``second_opinion.png`` only where mu was kept, ``energy_scale.png`` where
        an offset was looked for, ``alignment.png`` only where frames were aligned.

    Raises
    ------
    DataError
        The folder cannot be written.
    """
    folder = Path(folder)
    makers = {
        "slices": slices_figure,
        "labels": labels_figure,
        "histogram": histogram_figure,
        "sigma": sigma_figure,
        "spectra": spectra_figure,
        "energy_scale": energy_scale_figure,
        "second_opinion": second_opinion_figure,
        "alignment": _alignment_figure,
    }
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, make in makers.items():
            figure = make(result)
            if figure is not None:
                figure.savefig(folder / f"{name}.png", dpi=dpi)
                written.append(folder / f"{name}.png")
    except OSError as error:
        message = f"cannot write figures to '{folder}' ({error.strerror}); choose another folder"
        raise DataError(message) from error
    return written


def _alignment_figure(result: PhaseMap) -> Figure | None:
    report = read_report(result.path)
    return None if report is None else alignment_figure(report)
