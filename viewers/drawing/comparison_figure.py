"""Reference spectra drawn over one another, and their differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xanesmap.spectra.comparison import compare_references, spectrum_features
from xanesmap.spectra.reference import Reference
from xanesmap.viewers.colours import formula_text, phase_colours
from xanesmap.viewers.drawing.panels import PAGE_WIDTH_MM, STYLE, axes_at, heading, letter, new_figure

_LEFT_MM, _WIDTH_MM, _LEGEND_MM = 18.0, 112.0, 134.0
_BEFORE_EV, _AFTER_EV = 20.0, 70.0
_STYLES = ("-", "--", ":", "-.")
_MOST_NAMED = 24


def comparison_figure(references: Sequence[Reference]) -> Figure:
    """Spectra about their edges, and the difference of each to the first.

    Parameters
    ----------
    references
        At least one reference.

    Returns
    -------
    Figure
        180 mm wide. Circles mark where two references alone cross.
    """
    with mpl.rc_context(STYLE):
        several = len(references) > 1
        figure = new_figure(PAGE_WIDTH_MM, 128 if several else 88)
        heading(figure, "Reference spectra")
        upper = axes_at(figure, _LEFT_MM, 14, _WIDTH_MM, 60)
        _draw_spectra(upper, references)
        letter(upper, 0)
        if several:
            lower = axes_at(figure, _LEFT_MM, 80, _WIDTH_MM, 34)
            _draw_differences(lower, references)
            lower.set_xlim(upper.get_xlim())
            upper.tick_params(labelbottom=False)
            letter(lower, 1)
        (lower if several else upper).set_xlabel("photon energy (eV)")
        handles, labels = upper.get_legend_handles_labels()
        figure.legend(
            handles[:_MOST_NAMED],
            labels[:_MOST_NAMED],
            loc="upper left",
            bbox_to_anchor=(_LEGEND_MM / PAGE_WIDTH_MM, 1 - 14 / (128 if several else 88)),
            borderaxespad=0,
        )
        return figure


def _draw_spectra(axes: Axes, references: Sequence[Reference]) -> None:
    edges = [spectrum_features(reference).half_height_ev for reference in references]
    known = [edge for edge in edges if np.isfinite(edge)]
    for number, reference in enumerate(references):
        axes.plot(
            reference.energies_ev, reference.values, label=formula_text(reference.name), **_line(number, references)
        )
    if known:
        axes.set_xlim(min(known) - _BEFORE_EV, max(known) + _AFTER_EV)
    axes.set_ylabel("normalised absorption")
    axes.axhline(0, color="#b0b0b0", lw=0.5, zorder=0)
    axes.axhline(1, color="#b0b0b0", lw=0.5, zorder=0)
    if len(references) == 2:
        for energy in compare_references(*references).isosbestic_ev:
            height = np.interp(energy, references[0].energies_ev, references[0].values)
            axes.plot(energy, height, "o", mfc="white", mec="black", ms=4)
            axes.annotate(f"{energy:.1f}", (energy, height), xytext=(4, -9), textcoords="offset points", fontsize=6.5)


def _draw_differences(axes: Axes, references: Sequence[Reference]) -> None:
    first = references[0]
    axes.axhline(0, color="#b0b0b0", lw=0.5, zorder=0)
    for number, other in enumerate(references[1:], start=1):
        shared = (other.energies_ev >= first.energies_ev[0]) & (other.energies_ev <= first.energies_ev[-1])
        energies = other.energies_ev[shared]
        difference = np.interp(energies, first.energies_ev, first.values) - other.values[shared]
        axes.plot(energies, difference, **_line(number, references))
    others = formula_text(references[1].name) if len(references) == 2 else "the others"
    axes.set_ylabel(f"{formula_text(first.name)}\nminus {others}")


def _line(number: int, references: Sequence[Reference]) -> dict[str, Any]:
    colours = phase_colours([reference.name for reference in references])
    # the colours of phases without one of their own repeat after five; the dashes then differ
    return {"color": colours[number], "ls": _STYLES[number // 5 % len(_STYLES)], "lw": 1.1}
