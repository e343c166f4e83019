"""Probed spectra as curves on a figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xanesmap.viewers.colours import formula_text, phase_colours
from xanesmap.viewers.napari_plugin.spectrum_probe import ProbedSpectrum


def draw_spectra(figure: Figure, spectra: Sequence[ProbedSpectrum]) -> Axes:
    """Draw measured points and fits, of a single spectrum its components, and the residuals below.

    Parameters
    ----------
    figure
        The figure; what it held is removed.
    spectra
        Spectra to compare.

    Returns
    -------
    Axes
        The upper panel, over the photon energy in eV.
    """
    figure.clear()
    panels: tuple[Axes, Axes] = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper, lower = panels
    for number, spectrum in enumerate(spectra):
        colour = f"C{number}" if len(spectra) > 1 else "black"
        upper.plot(spectrum.energies_ev, spectrum.measured, "o", color=colour, ms=3, label=spectrum.name)
        if spectrum.fit is not None and spectrum.residual is not None:
            upper.plot(spectrum.energies_ev, spectrum.fit.curve, color=colour, lw=1)
            lower.plot(spectrum.energies_ev, spectrum.residual, "o-", color=colour, ms=2, lw=0.8)
    if len(spectra) == 1:
        _components(upper, spectra[0])
    upper.legend(frameon=False, fontsize=8)
    upper.set_ylabel("µ (1/µm)")
    lower.axhline(0, color="grey", lw=0.6)
    lower.set(xlabel="photon energy (eV)", ylabel="residual")
    return upper


def _components(axes: Axes, spectrum: ProbedSpectrum) -> None:
    if spectrum.fit is None:
        return
    colours = [*phase_colours(spectrum.phases)[:-1], *[np.full(3, 0.6)] * len(spectrum.fit.columns)]
    for name, part, colour in zip(spectrum.fit.columns, spectrum.fit.contributions, colours, strict=False):
        axes.plot(spectrum.energies_ev, part, "--", color=tuple(colour), lw=1, label=formula_text(name))


def fraction_text(spectrum: ProbedSpectrum) -> str:
    """Name and fractions with their standard deviations, a line each."""
    parts = zip(spectrum.phases, spectrum.fractions, spectrum.sigma, strict=True)
    return "\n".join([spectrum.name, *(f"{phase} {value:.3f} ± {sigma:.3f}" for phase, value, sigma in parts)])
