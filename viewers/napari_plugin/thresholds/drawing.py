"""Histogram of fractions with the thresholds in it, and the words and numbers beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from xanesmap.viewers.colours import formula_text, phase_colours
from xanesmap.viewers.napari_plugin.parts.figure_theme import LIGHT, FigureTheme, empty, fit_margins, legible, paint
from xanesmap.viewers.napari_plugin.thresholds.model import BINS, Exploration, PhaseVolume

LEFT_PT = 44.0
"""Room at the left of the panels, points."""

_LABEL_PT, _TICK_PT = 9, 8


def draw_histogram(
    figure: Figure, tried: Exploration, *, phases: Sequence[str], pure: float, theme: FigureTheme = LIGHT
) -> None:
    """Draw how much of the sample has which denoised fraction, and from where on it counts as one phase.

    Parameters
    ----------
    figure
        The figure; what it held is removed.
    tried
        What was found.
    phases
        Names of the phases.
    pure
        Fraction from which a voxel belongs to a phase.
    theme
        Colours of background, frames and texts.
    """
    if len(figure.axes) == 1:
        axes = figure.axes[0]
        empty(axes)
    else:
        figure.clear()
        axes = figure.subplots()
    colours = [legible(colour, theme) for colour in phase_colours(phases)]
    if len(phases) == 2:
        axes.stairs(100 * tried.histogram[0], BINS, color=theme.text, lw=1)
        axes.axvspan(BINS[0], 1 - pure, color=colours[1], alpha=0.3, lw=0)
        axes.axvspan(1 - pure, pure, color=colours[2], alpha=0.3, lw=0)
        axes.axvspan(pure, BINS[-1], color=colours[0], alpha=0.3, lw=0)
        axes.axvline(1 - pure, color=colours[1], lw=1.5, label=formula_text(phases[1]))
        axes.axvline(pure, color=colours[0], lw=1.5, label=formula_text(phases[0]))
        axes.set_xlabel(f"fraction of {formula_text(phases[0])}, denoised", fontsize=_LABEL_PT)
    else:
        for name, values, colour in zip(phases, tried.histogram, colours, strict=False):
            axes.stairs(100 * values, BINS, color=colour, lw=1.2, label=formula_text(name))
        axes.axvline(pure, color=theme.text, lw=1.5)
        axes.set_xlabel("fraction, denoised", fontsize=_LABEL_PT)
    axes.set_ylabel("% of the sample", fontsize=_LABEL_PT)
    axes.set_xlim(BINS[0], BINS[-1])
    axes.tick_params(labelsize=_TICK_PT)
    axes.legend(frameon=False, fontsize=_TICK_PT, loc="upper center")
    fit_margins(figure, left_pt=LEFT_PT)
    paint(figure, theme)


def volume_text(volume: PhaseVolume) -> str:
    """Volume with its standard error, as many digits as that has."""
    return _with_error(volume.volume, volume.error, least=volume.voxel)


def share_text(volume: PhaseVolume) -> str:
    """Share of the sample in percent with its standard error."""
    whole = volume.volume / volume.share if volume.share else 1.0
    return f"{_with_error(100 * volume.share, 100 * volume.share_error, least=100 * volume.voxel / whole)} %"


def _with_error(value: float, error: float, *, least: float) -> str:
    """A number with its error, which is below `least` where it is 0."""
    if not np.isfinite(error):
        return f"{value:.4g}"
    digits = max(0, 1 - int(np.floor(np.log10(max(error, least)))))
    told = f"± {error:.{digits}f}" if error > 0 else f"± <{least:.{digits}f}"
    return f"{value:.{digits}f} {told}"


def found_text(tried: Exploration, *, least_voxels: int, voxel_um: float) -> str:
    """Particles and fragments, and how exact these numbers are."""
    power = int(tried.unit[-1])
    least = f"{least_voxels} voxels ({least_voxels * voxel_um**power:.3g} {readable_unit(tried.unit)})"
    parts = [f"{tried.n_particles} particles of at least {least}"]
    if tried.n_fragments:
        parts.append(f"{tried.n_fragments} smaller parts hold {tried.fragment_share:.1%} of the sample")
    exact = "Full resolution." if tried.is_full else f"Coarse: voxels of {tried.step} x {tried.step} x {tried.step}."
    return f"{'; '.join(parts)}. {exact}"


def readable_unit(unit: str) -> str:
    """``um^3`` as it is written."""
    return unit.replace("um", "µm").replace("^3", "³").replace("^2", "²")
