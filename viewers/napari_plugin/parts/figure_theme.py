"""Figures in the colours of napari's theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureTheme:
    """Colours of a figure, as Matplotlib takes them."""

    background: str
    text: str
    muted: str
    """Of lines that are no data."""

    @property
    def is_dark(self) -> bool:
        """Whether the background is darker than the text."""
        return _lightness(self.background) < _lightness(self.text)


LIGHT = FigureTheme(background="#ffffff", text="#000000", muted="#8c8c8c")
"""Of figures outside napari."""

_PALER, _DARKER = 0.3, 0.78
_BRIGHT = 0.55
"""Luma from which a colour is hard to see on a light background."""
_LUMA = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709
_RIGHT_PT, _BOTTOM_PT, _TOP_PT = 6.0, 32.0, 6.0


def _lightness(colour: str) -> int:
    return sum(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def legible(rgb: ArrayLike, theme: FigureTheme) -> tuple[float, float, float]:
    """Red, green, blue (0 to 1) of a curve, on a dark background made paler, on a light one darker where bright."""
    colour = np.asarray(rgb, dtype=np.float64)
    if theme.is_dark:
        colour = colour * (1 - _PALER) + _PALER
    elif colour @ _LUMA > _BRIGHT:
        colour = colour * _DARKER
    red, green, blue = colour
    return float(red), float(green), float(blue)


def theme_of(viewer: Any) -> FigureTheme:
    """Colours of a viewer's theme.

    Parameters
    ----------
    viewer
        A napari viewer.
    """
    from napari.utils.theme import get_theme

    theme = get_theme(viewer.theme)
    background, text, muted = (
        "#{:02x}{:02x}{:02x}".format(*colour.as_rgb_tuple()[:3])
        for colour in (theme.background, theme.text, theme.highlight)
    )
    return FigureTheme(background=background, text=text, muted=muted)


def fit_margins(figure: Figure, *, left_pt: float) -> None:
    """Leave the texts around the panels the room they need, whatever the size of the figure.

    A layout that measures the texts would do the same, and take as long as drawing them.

    Parameters
    ----------
    figure
        The figure.
    left_pt
        Room at the left, points.
    """
    width, height = (72 * max(inches, 2.0) for inches in figure.get_size_inches())
    figure.subplots_adjust(
        left=left_pt / width,
        right=1 - _RIGHT_PT / width,
        bottom=_BOTTOM_PT / height,
        top=1 - _TOP_PT / height,
        hspace=0.06,
    )


def empty(axes: Axes) -> None:
    """Take curves, areas and texts out of a panel to use it again: making another takes as long as drawing it."""
    for container in list(axes.containers):
        container.remove()
    for artist in (*axes.lines, *axes.patches, *axes.collections, *axes.texts):
        artist.remove()
    axes.set_prop_cycle(None)
    axes.relim()
    axes.autoscale(enable=True)


def paint(figure: Figure, theme: FigureTheme) -> None:
    """Give background, frames, ticks and texts of a figure the colours of a theme; data keep theirs."""
    figure.set_facecolor(theme.background)
    for axes in figure.axes:
        _paint_axes(axes, theme)


def _paint_axes(axes: Axes, theme: FigureTheme) -> None:
    axes.set_facecolor(theme.background)
    axes.tick_params(colors=theme.text, which="both")
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts):
        text.set_color(theme.text)
    for spine in axes.spines.values():
        spine.set_color(theme.muted)
    legend = axes.get_legend()
    for text in () if legend is None else legend.get_texts():
        text.set_color(theme.text)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_offset_text().set_color(theme.text)
