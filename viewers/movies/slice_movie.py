"""Frames of movies of slices: phase labels beside a map, drawn by Matplotlib, so that no screen is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from xanesmap.viewers.colours import formula_text, label_map, phase_colours
from xanesmap.viewers.drawing.panels import PAGE_WIDTH_MM, STYLE, axes_at, length_text, round_length, text_at
from xanesmap.viewers.movies.frame_plan import spread_evenly
from xanesmap.viewers.movies.movie_file import Frame
from xanesmap.viewers.movies.slice_stack import SliceStack

_MM_PER_INCH = 25.4
_LEFT, _TOP, _GAP, _BAR, _BAR_TEXT, _BOTTOM = 6.0, 11.0, 6.0, 3.0, 14.0, 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PageStyle:
    """What stays the same on all frames."""

    size: tuple[int, int]
    """(height, width) in pixels."""
    heading: str
    phases: tuple[str, ...]
    label_names: tuple[str, ...]
    map_title: str
    colours: Colormap
    limits: tuple[float, float]
    extent_um: tuple[float, float]
    """Height and width of the slices."""
    directions: tuple[str, str]
    """Names of the axes downwards and to the right."""
    strip_mm: float = 0.0
    """Height left free below, for a curve."""


class SlicePage:
    """A page with two pictures, of which only the pictures and the caption change from frame to frame.

    Texts have the size of print where the frame is 180 mm wide.
    """

    def __init__(self, style: PageStyle) -> None:
        self.style = style
        height, width = style.size
        dpi = width / (PAGE_WIDTH_MM / _MM_PER_INCH)
        self.figure = Figure(figsize=(width / dpi, height / dpi), dpi=dpi, facecolor="white")
        self._canvas: Any = FigureCanvasAgg(self.figure)  # Matplotlib's canvas has no types
        self._height_mm = height / dpi * _MM_PER_INCH
        with mpl.rc_context(STYLE):
            self._build()

    def _build(self) -> None:
        style = self.style
        n_labels = len(style.label_names)
        room = (PAGE_WIDTH_MM - 2 * _LEFT - 2 * _GAP - _BAR - _BAR_TEXT) / 2
        tall = self._height_mm - _TOP - _BOTTOM - style.strip_mm
        self._mm_per_um = min(tall / style.extent_um[0], room / style.extent_um[1])
        self.labels = self._picture(
            _LEFT, room, tall, label_map(style.phases), BoundaryNorm(_edges(n_labels), n_labels)
        )
        self.values = self._picture(_LEFT + room + _GAP, room, tall, style.colours, Normalize(*style.limits))
        bar_axes = axes_at(self.figure, _LEFT + 2 * (room + _GAP), _TOP + 0.1 * tall, _BAR, 0.8 * tall)
        mappable = ScalarMappable(Normalize(*style.limits), style.colours)
        self.figure.colorbar(mappable, cax=bar_axes, extend="both", extendfrac=0.04).set_label(style.map_title)
        text_at(self.figure, style.heading, _LEFT, 6, fontsize=9, fontweight="bold")
        caption: dict[str, Any] = {"fontsize": 9, "ha": "right"}
        text_at(self.figure, "", PAGE_WIDTH_MM - _LEFT, 6, **caption)
        self._caption = self.figure.texts[-1]
        self._legend(style)
        self._scale_bar(style)

    def _picture(self, left: float, width: float, height: float, colours: Colormap, norm: Normalize) -> Any:
        """An empty picture in the middle of its place, at the scale of all."""
        tall, wide = (extent * self._mm_per_um for extent in self.style.extent_um)
        axes = axes_at(self.figure, left + (width - wide) / 2, _TOP + (height - tall) / 2, wide, tall)
        down, right = self.style.directions
        axes.set(xticks=[], yticks=[])
        axes.annotate(f"{right} →", (1, 0), (0, -2), "axes fraction", "offset points", ha="right", va="top", fontsize=7)
        axes.annotate(f"{down}\n↓", (0, 1), (-2, 0), "axes fraction", "offset points", ha="right", va="top", fontsize=7)
        axes.spines[:].set_color("#b0b0b0")
        blank = np.full((1, 1), np.nan)
        return axes.imshow(blank, cmap=colours, norm=norm, interpolation="nearest", aspect="auto")

    def _legend(self, style: PageStyle) -> None:
        colours = phase_colours(style.phases)
        patches = [
            Patch(color=tuple(colour), label=formula_text(name))
            for colour, name in zip(colours, style.label_names, strict=False)
        ]
        place = ((_LEFT + 60) / PAGE_WIDTH_MM, (_BOTTOM - 9 + style.strip_mm) / self._height_mm)
        options: dict[str, Any] = {"loc": "lower left", "ncols": len(patches), "borderpad": 0, "fontsize": 8}
        self.figure.legend(handles=patches, bbox_to_anchor=place, **options)

    def _scale_bar(self, style: PageStyle) -> None:
        length = round_length(style.extent_um[1] / 3)
        wide = length * self._mm_per_um
        axes = axes_at(self.figure, _LEFT, self._height_mm - style.strip_mm - 10, wide, 3)
        axes.plot([0, 1], [0.5, 0.5], color="black", linewidth=2.5, solid_capstyle="butt")
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.set_axis_off()
        text_at(self.figure, length_text(length), _LEFT + wide + 2, self._height_mm - style.strip_mm - 7.5, fontsize=8)

    def strip(self) -> Axes:
        """Axes over the whole width at the bottom, for a curve."""
        with mpl.rc_context(STYLE):
            height = self.style.strip_mm - 11
            return axes_at(self.figure, 16, self._height_mm - self.style.strip_mm, PAGE_WIDTH_MM - 22, height)

    def frame(self, labels: NDArray[Any], values: NDArray[Any], caption: str) -> Frame:
        """Draw a frame.

        Parameters
        ----------
        labels, values
            (row, column) phase labels and map.
        caption
            Text at the upper right.
        """
        for picture, image in ((self.labels, np.where(labels > 0, labels, np.nan)), (self.values, values)):
            picture.set_data(image)
            rows, columns = image.shape
            picture.set_extent((-0.5, columns - 0.5, rows - 0.5, -0.5))
        self._caption.set_text(caption)
        with mpl.rc_context(STYLE):
            self._canvas.draw()
        return np.array(self._canvas.buffer_rgba())[..., :3]


def _edges(n_labels: int) -> list[float]:
    return [label + 0.5 for label in range(n_labels + 1)]


def page_style(
    stack: SliceStack, *, phases: Sequence[str], label_names: Sequence[str], size: tuple[int, int], heading: str
) -> PageStyle:
    """Style of the frames of a stack of slices."""
    rows, columns = stack.labels.shape[1:]
    return PageStyle(
        size=size,
        heading=heading,
        phases=tuple(phases),
        label_names=tuple(label_names),
        map_title=stack.title,
        colours=stack.colours,
        limits=stack.limits,
        extent_um=(rows * stack.step_um, columns * stack.step_um),
        directions=(stack.down, stack.right),
    )


def slice_frames(stack: SliceStack, page: SlicePage, *, count: int) -> Iterator[Frame]:
    """Frames that go through the slices with material, from the first to the last.

    Parameters
    ----------
    stack
        The slices.
    page
        What they are drawn on.
    count
        Number of frames.
    """
    drawn, frame = -1, None
    for index in spread_evenly(stack.first, stack.last, count).tolist():
        if frame is None or index != drawn:
            frame = page.frame(stack.labels[index], stack.values[index], stack.caption(index))
            drawn = index
        yield frame
