"""The energy scale of a result on one page: the summed spectrum, and its fit with and without the offset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.drawing.panels import PAGE_WIDTH_MM, STYLE, axes_at, heading, letter, new_figure, text_at

_WITH, _WITHOUT = "#c0392b", "#8c8c8c"


def energy_scale_figure(result: PhaseMap) -> Figure | None:
    """Summed spectrum with its fits, and what each leaves.

    Parameters
    ----------
    result
        A finished result.

    Returns
    -------
    Figure or None
        None where no offset was looked for.
    """
    told = result.attributes.get("energy_scale", {})
    summed = told.get("summed_spectrum")
    if not summed:
        return None
    with mpl.rc_context(STYLE):
        figure = new_figure(PAGE_WIDTH_MM, 118)
        heading(figure, "Energy scale")
        upper, lower = axes_at(figure, 20, 26, 156, 50), axes_at(figure, 20, 83, 156, 22)
        _draw(upper, lower, {name: np.asarray(summed[name], dtype=np.float64) for name in _CURVES})
        text_at(figure, _sentence(told, summed), 20, 14)
        letter(upper, 0)
        letter(lower, 1)
        return figure


_CURVES = ("energies_ev", "spectrum", "fitted", "fitted_without")


def _draw(upper: Axes, lower: Axes, curves: Mapping[str, Any]) -> None:
    energies, spectrum = curves["energies_ev"], curves["spectrum"]
    step = float(np.ptp(spectrum)) or 1.0
    upper.plot(energies, curves["fitted_without"], color=_WITHOUT, ls="--", label="fit without offset")
    upper.plot(energies, curves["fitted"], color=_WITH, label="fit with offset")
    upper.plot(energies, spectrum, "o", color="black", ms=2.5, label="summed spectrum")
    upper.set(ylabel="relative attenuation")
    upper.legend(loc="lower right")
    upper.tick_params(labelbottom=False)
    lower.axhline(0, color="#b0b0b0", lw=0.6)
    lower.plot(energies, 100 * (spectrum - curves["fitted_without"]) / step, "o--", color=_WITHOUT, ms=2, lw=0.8)
    lower.plot(energies, 100 * (spectrum - curves["fitted"]) / step, "o-", color=_WITH, ms=2, lw=0.8)
    lower.set(xlabel="recorded photon energy (eV)", ylabel="left over\n(% of range)", xlim=upper.get_xlim())


def _sentence(told: Mapping[str, Any], summed: Mapping[str, Any]) -> str:
    if told["source"] != "fitted":
        return f"Not used: the energies are {told['source']} ({told['offset_ev']:+.3f} eV). {summed['doubt']}".strip()
    slope = max(abs(value) for value in summed["fraction_per_ev"])
    text = f"Energies moved by {told['offset_ev']:+.3f} ± {told['sigma_ev']:.3f} eV"
    if told["drift_ev"]:
        text += f", drifting by {told['drift_ev']:+.3f} eV"
    return (
        f"{text}.\nOne eV changes the mean fractions by {slope:.2f}, so the offset adds "
        f"{slope * told['sigma_ev']:.4f} to their error."
    )
