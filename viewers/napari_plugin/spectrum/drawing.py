"""Probed spectra as curves on a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from xanesmap.phasemap.storage.layers import PER_LENGTH
from xanesmap.viewers.colours import formula_text, phase_colours
from xanesmap.viewers.napari_plugin.parts.figure_theme import LIGHT, FigureTheme, empty, fit_margins, legible, paint
from xanesmap.viewers.napari_plugin.spectrum.probe import ProbedSpectrum

CURVES = ("#e15759", "#4e9fd1", "#b07aa1", "#59a14f", "#f28e2b", "#76b7b2", "#9c755f", "#d37295")
"""Colours of compared spectra, of middling lightness: they read on dark and on light."""
NO_SPECTRA = "No attenuation was kept in this result, so there are no spectra.\nThe fractions are below."
NOTHING_YET = "Click a voxel of the sample."

LEFT_PT = 70.0
"""Room at the left of the panels, points."""

_LABEL_PT, _TICK_PT = 9, 8
_LEGEND_LETTERS = 38
_MOST_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnSpectrum:
    """A spectrum, as it is shown."""

    spectrum: ProbedSpectrum
    colour: str
    with_components: bool = False


def draw_spectra(figure: Figure, shown: Sequence[DrawnSpectrum], *, theme: FigureTheme = LIGHT) -> Axes | None:
    """Draw measured points and fits, the components of one, and the residuals in a panel below.

    Parameters
    ----------
    figure
        The figure; what it held is removed.
    shown
        Spectra to compare.
    theme
        Colours of background, frames and texts.

    Returns
    -------
    Axes or None
        The upper panel, over the photon energy in eV; None where there is no spectrum to draw, which the figure says.
    """
    drawn = [one for one in shown if one.spectrum.measured is not None]
    if not drawn:
        figure.clear()
        figure.text(0.5, 0.5, NO_SPECTRA if shown else NOTHING_YET, ha="center", va="center", color=theme.text)
        paint(figure, theme)
        return None
    upper, lower = _panels(figure)
    for one in drawn:
        _curves(upper, lower, one, theme, name=_shortened(one.spectrum.name) if len(drawn) == 1 else None)
    _dress(upper, lower, drawn[0].spectrum, theme)
    fit_margins(figure, left_pt=LEFT_PT)
    paint(figure, theme)
    return upper


def _panels(figure: Figure) -> tuple[Axes, Axes]:
    """Two empty panels, those of the time before where there are."""
    if len(figure.axes) == 2:
        for axes in figure.axes:
            empty(axes)
        return figure.axes[0], figure.axes[1]
    figure.clear()
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    return upper, lower


def _curves(upper: Axes, lower: Axes, shown: DrawnSpectrum, theme: FigureTheme, *, name: str | None) -> None:
    """Draw one spectrum; of several the list below tells the names, as the legend would hide the curves."""
    spectrum, colour, fit = shown.spectrum, shown.colour, shown.spectrum.fit
    if spectrum.measured is None:
        return
    upper.plot(spectrum.energies_ev, spectrum.measured, "o", color=colour, ms=3.5, label=name)
    if fit is None or spectrum.residual is None:
        return
    label = f"fit, R-factor {fit.r_factor:.1e}" if shown.with_components else None
    upper.plot(spectrum.energies_ev, fit.curve, color=colour, lw=1.2, label=label)
    lower.plot(spectrum.energies_ev, spectrum.residual, "o-", color=colour, ms=2.5, lw=0.8)
    if shown.with_components:
        _components(upper, spectrum, theme)


def _shortened(name: str) -> str:
    """Name that fits into the legend; all of it is in the list."""
    return name if len(name) <= _LEGEND_LETTERS else f"{name[: _LEGEND_LETTERS - 1]}…"


def _components(axes: Axes, spectrum: ProbedSpectrum, theme: FigureTheme) -> None:
    if spectrum.fit is None:
        return
    n_phases = len(spectrum.phases)
    for phase, colour in enumerate(phase_colours(spectrum.phases)[:-1]):
        values, label = spectrum.fit.contributions[phase], formula_text(spectrum.phases[phase])
        axes.plot(spectrum.energies_ev, values, "--", color=legible(colour, theme), lw=1.6, label=label)
    if len(spectrum.fit.contributions) > n_phases:
        background = spectrum.fit.contributions[n_phases:].sum(axis=0)
        axes.plot(spectrum.energies_ev, background, ":", color="#8c8c8c", lw=1.6, label="background")


def _dress(upper: Axes, lower: Axes, spectrum: ProbedSpectrum, theme: FigureTheme) -> None:
    """Titles with units, ticks and legend."""
    per_length = spectrum.unit == PER_LENGTH
    upper.set_ylabel("µ (1/µm)" if per_length else "optical depth", fontsize=_LABEL_PT)
    lower.set_ylabel("residual\n(1/µm)" if per_length else "residual", fontsize=_LABEL_PT)
    lower.set_xlabel("photon energy (eV)", fontsize=_LABEL_PT)
    lower.axhline(0, color=theme.muted, lw=0.8)
    if spectrum.fit is None:
        lower.text(0.5, 0.5, "no fit: its curves were not stored", transform=lower.transAxes, ha="center", va="center")
    lower.yaxis.set_major_locator(MaxNLocator(3))
    for axes in (upper, lower):
        axes.tick_params(labelsize=_TICK_PT)
        axes.xaxis.set_major_locator(MaxNLocator(5))
    upper.tick_params(labelbottom=False)
    upper.margins(y=0.06)
    legend = upper.get_legend()
    if legend is not None:
        legend.remove()
    if upper.get_legend_handles_labels()[1]:
        upper.legend(frameon=False, fontsize=_TICK_PT, loc="best")


def nearest_energy(energies_ev: np.ndarray, wanted_ev: float) -> int:
    """Index of the energy nearest to one in eV."""
    return int(np.abs(np.asarray(energies_ev) - wanted_ev).argmin())


def fraction_text(value: float, sigma: float) -> str:
    """A fraction with its standard deviation; a dash outside the sample."""
    if not np.isfinite(value):
        return "–"
    if not np.isfinite(sigma):
        return f"{value:.3f}"
    digits = 3 if sigma <= 0 else min(max(3, math.ceil(-math.log10(sigma))), _MOST_DIGITS)
    return f"{value:.{digits}f} ± {sigma:.{digits}f}"
