"""Panels of the mean spectra: data with their spread, fit, components, residual."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.colours import formula_text, phase_colours
from xanesmap.viewers.label_spectra import LabelSpectrum, SpectrumFit, fit_spectrum
from xanesmap.viewers.panels import PAGE_WIDTH_MM, axes_at, letter

_LEFT_MM, _RIGHT_MM, _GAP_MM = 16.0, 4.0, 4.0
_BACKGROUND = "#8c8c8c"


def draw_spectra(figure: Figure, result: PhaseMap, spectra: Sequence[LabelSpectrum]) -> None:
    """Draw one column for each spectrum: data and fit above, residual below, one legend for all.

    Parameters
    ----------
    figure
        180 mm wide and about 116 mm high.
    result
        Where the spectra come from.
    spectra
        At least one.
    """
    gaps = _LEFT_MM + _RIGHT_MM + _GAP_MM * (len(spectra) - 1)
    width = (PAGE_WIDTH_MM - gaps) / len(spectra)
    upper: list[Axes] = []
    lower: list[Axes] = []
    for column, spectrum in enumerate(spectra):
        left = _LEFT_MM + column * (width + _GAP_MM)
        upper.append(axes_at(figure, left, 22, width, 50))
        lower.append(axes_at(figure, left, 75, width, 16))
        fit = fit_spectrum(result, spectrum.mean)
        _draw_spectrum(upper[-1], result, spectrum, fit)
        _draw_residual(lower[-1], result, spectrum, fit)
        letter(upper[-1], column)
    _share_vertical(upper, "µ (1/µm)")
    _share_vertical(lower, "residual\n(% of step)")
    handles, labels = upper[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, borderaxespad=0.4, columnspacing=1.5)


def _draw_spectrum(axes: Axes, result: PhaseMap, spectrum: LabelSpectrum, fit: SpectrumFit | None) -> None:
    energies = result.energies_ev
    low, high = spectrum.mean - spectrum.spread, spectrum.mean + spectrum.spread
    axes.fill_between(
        energies, low, high, color="#c8c8c8", lw=0, label="± 1 standard deviation between voxels"
    )
    axes.plot(energies, spectrum.mean, "o", color="black", markersize=2.2, label="mean µ of the label")
    title = f"{formula_text(spectrum.name)} ({spectrum.n_voxels:,} voxels)"
    if fit is None:
        title += "\nno fit: curves not stored"
    else:
        _draw_fit(axes, result, fit)
        title += "\n" + _fractions_text(result, fit)
    axes.set_title(title, pad=3, fontsize=7, linespacing=1.25)
    axes.tick_params(labelbottom=False)


def _fractions_text(result: PhaseMap, fit: SpectrumFit) -> str:
    named = zip(result.phases, fit.fractions, strict=True)
    return ", ".join(f"{value:.3f} {formula_text(name)}" for name, value in named)


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


def _draw_residual(axes: Axes, result: PhaseMap, spectrum: LabelSpectrum, fit: SpectrumFit | None) -> None:
    axes.axhline(0, color="#8c8c8c", lw=0.6)
    if fit is not None:
        percent = 100 * (spectrum.mean - fit.curve) / fit.amount
        axes.plot(result.energies_ev, percent, "o-", color="black", markersize=1.8, lw=0.6)
        axes.annotate(
            f"R = {fit.r_factor:.1e}",
            (1, 1),
            xytext=(-2, -2),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=6.5,
        )
    axes.set_xlabel("photon energy (eV)")
    axes.xaxis.set_major_locator(MaxNLocator(4))


def _share_vertical(panels: Sequence[Axes], label: str) -> None:
    limits = [panel.get_ylim() for panel in panels]
    low, high = min(limit[0] for limit in limits), max(limit[1] for limit in limits)
    for panel in panels:
        panel.set_ylim(low, high)
        panel.yaxis.set_major_locator(MaxNLocator(5 if panel.get_title() else 3))
        panel.tick_params(labelleft=panel is panels[0])
    panels[0].set_ylabel(label)
