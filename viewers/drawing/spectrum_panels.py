"""Panels of the mean spectra: data with their spread, fit, components, residual."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from xanesmap.phasemap.result import PhaseMap
from xanesmap.reconstruct.volumes.units import OPTICAL_DEPTH
from xanesmap.viewers.colours import formula_text, phase_colours
from xanesmap.viewers.drawing.label_spectra import LabelSpectrum, SpectrumFit, fit_spectrum
from xanesmap.viewers.drawing.panels import PAGE_WIDTH_MM, axes_at, letter, new_figure

_LEFT_MM, _RIGHT_MM, _GAP_MM = 20.0, 4.0, 4.0
_TOP_MM, _LINE_MM, _PANELS_MM, _LEGEND_MM = 9.0, 3.2, 81.0, 13.0
_MAX_COLUMNS = 4
_BACKGROUND = "#8c8c8c"


def draw_spectra(result: PhaseMap, spectra: Sequence[LabelSpectrum]) -> Figure:
    """Draw one column for each spectrum: numbers, data and fit, residual; one legend for all.

    Parameters
    ----------
    result
        Where the spectra come from.
    spectra
        At least one.
    """
    n_rows = math.ceil(len(spectra) / _MAX_COLUMNS)
    n_columns = math.ceil(len(spectra) / n_rows)
    width = (PAGE_WIDTH_MM - _LEFT_MM - _RIGHT_MM - _GAP_MM * (n_columns - 1)) / n_columns
    heading = _LINE_MM * (len(result.phases) + 2) + 2
    row_height = heading + _PANELS_MM
    figure = new_figure(PAGE_WIDTH_MM, _TOP_MM + n_rows * row_height + _LEGEND_MM)
    columns = []
    for number, spectrum in enumerate(spectra):
        row, column = divmod(number, n_columns)
        left, top = _LEFT_MM + column * (width + _GAP_MM), _TOP_MM + row * row_height + heading
        upper, lower = axes_at(figure, left, top, width, 50), axes_at(figure, left, top + 53, width, 16)
        _draw_column(upper, lower, result, spectrum)
        letter(upper, number)
        columns.append((upper, lower))
    unit = "optical depth" if result.attenuation_unit == OPTICAL_DEPTH else "µ (1/µm)"
    _share_vertical([upper for upper, _ in columns], unit, n_ticks=5, n_columns=n_columns)
    _share_vertical([lower for _, lower in columns], "residual\n(% of step)", n_ticks=3, n_columns=n_columns)
    handles, labels = columns[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, borderaxespad=0.4, columnspacing=1.5)
    return figure


def _draw_column(upper: Axes, lower: Axes, result: PhaseMap, spectrum: LabelSpectrum) -> None:
    fit = fit_spectrum(result, spectrum.mean)
    _draw_data(upper, result, spectrum)
    lines = [f"{formula_text(spectrum.name)} ({spectrum.n_voxels:,} voxels)"]
    if fit is None:
        lines.append("no fit: its curves were not stored")
    else:
        _draw_fit(upper, result, fit)
        _draw_residual(lower, result, spectrum, fit)
        named = zip(result.phases, fit.fractions, strict=True)
        lines += [f"{round(value, 3) + 0:.3f} {formula_text(name)}" for name, value in named]
        lines.append(f"R-factor {fit.r_factor:.1e}")
    upper.set_title("\n".join(lines), pad=3, fontsize=7, linespacing=1.2)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("photon energy (eV)")
    for axes in (upper, lower):
        axes.set_xlim(_padded(result.energies_ev))
        axes.xaxis.set_major_locator(MaxNLocator(4))


def _padded(energies: NDArray[np.float64]) -> tuple[float, float]:
    margin = 0.03 * float(np.ptp(energies)) or 1.0
    return float(energies[0]) - margin, float(energies[-1]) + margin


def _draw_data(axes: Axes, result: PhaseMap, spectrum: LabelSpectrum) -> None:
    energies = result.energies_ev
    low, high = spectrum.mean - spectrum.spread, spectrum.mean + spectrum.spread
    label = "± 1 standard deviation between voxels"
    axes.fill_between(energies, low, high, color="#c8c8c8", lw=0, label=label)
    axes.plot(energies, spectrum.mean, "o", color="black", markersize=2.2, label="mean µ of the label")


def _draw_fit(axes: Axes, result: PhaseMap, fit: SpectrumFit) -> None:
    energies, n_phases = result.energies_ev, len(result.phases)
    for phase, name in enumerate(result.phases):
        colour = phase_colours(result.phases)[phase]
        label = f"{formula_text(name)} component"
        axes.plot(energies, fit.contributions[phase], "--", color=colour, lw=1.1, label=label)
    if len(fit.contributions) > n_phases:
        background = fit.contributions[n_phases:].sum(axis=0)
        axes.plot(energies, background, ":", color=_BACKGROUND, lw=1.2, label="background")
    axes.plot(energies, fit.curve, color="#c0392b", lw=0.9, label="fit")


def _draw_residual(axes: Axes, result: PhaseMap, spectrum: LabelSpectrum, fit: SpectrumFit) -> None:
    percent = 100 * (spectrum.mean - fit.curve) / fit.amount
    axes.axhline(0, color=_BACKGROUND, lw=0.6)
    axes.plot(result.energies_ev, percent, "o-", color="black", markersize=1.8, lw=0.6)


def _share_vertical(panels: Sequence[Axes], label: str, *, n_ticks: int, n_columns: int) -> None:
    limits = [panel.get_ylim() for panel in panels]
    low, high = min(limit[0] for limit in limits), max(limit[1] for limit in limits)
    for number, panel in enumerate(panels):
        panel.set_ylim(low, high)
        panel.yaxis.set_major_locator(MaxNLocator(n_ticks))
        is_first = number % n_columns == 0
        panel.tick_params(labelleft=is_first)
        panel.set_ylabel(label if is_first else "")
