"""A view in 3-D on a page: scale bar, colour bar, legend and caption around it, for pictures and movies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.viewers.colours import formula_text
from xanesmap.viewers.drawing.panels import STYLE, axes_at, length_text, round_length, text_at
from xanesmap.viewers.movies.frame_plan import LARGEST_FRAME

Background = Literal["white", "black", "transparent"]
BACKGROUNDS: tuple[Background, ...] = ("white", "black", "transparent")

_MM_PER_INCH = 25.4
_BAR_MM, _STRIP_MM, _CAPTION_MM, _EDGE_MM = 17.0, 8.0, 5.0, 3.0
_BAR_WIDTH_MM = 3.0
_SMALLEST_VIEW_PX = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColourScale:
    """What a colour bar tells."""

    title: str
    """With unit."""
    ramp: NDArray[np.float64]
    """(step, 4) colours."""
    limits: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Page:
    """Everything but the view itself."""

    size: tuple[int, int]
    """(height, width) in pixels."""
    dpi: float
    """Pixels per inch, by which texts have their size in points."""
    background: Background = "white"
    scale_bar: bool = True
    colours: ColourScale | None = None
    legend: tuple[tuple[str, tuple[float, float, float]], ...] = ()
    """Names with their red, green and blue."""
    caption: str = ""

    @property
    def view_size(self) -> tuple[int, int]:
        """(height, width) in pixels of what is left for the view."""
        below = (_STRIP_MM if self.scale_bar or self.legend else 0) + (_CAPTION_MM if self.caption else 0)
        beside = _BAR_MM if self.colours is not None else 0
        height, width = (
            side - round(mm * self.dpi / _MM_PER_INCH) for side, mm in zip(self.size, (below, beside), strict=True)
        )
        return height, width

    def check(self) -> None:
        """Raise `DataError` where nothing is left for the view, or the page is larger than can be drawn."""
        if min(self.view_size) < _SMALLEST_VIEW_PX or max(self.size) > LARGEST_FRAME:
            message = (
                f"a picture of {self.size[1]} x {self.size[0]} pixels at {self.dpi:g} dpi cannot be drawn; give a "
                f"width and resolution that leave room beside its texts, and at most {LARGEST_FRAME} pixels."
            )
            raise DataError(message)


def printed_size(width_mm: float, dpi: float, *, aspect: float) -> tuple[int, int]:
    """(height, width) in pixels of a print.

    Parameters
    ----------
    width_mm
        Its width.
    dpi
        Pixels per inch.
    aspect
        Width over height.
    """
    width = round(width_mm / _MM_PER_INCH * dpi)
    return round(width / aspect), width


def surroundings(page: Page, um_per_pixel: float) -> NDArray[np.uint8]:
    """(row, column, 4) everything around the view, transparent elsewhere.

    Parameters
    ----------
    page
        What there is.
    um_per_pixel
        Scale of the view.
    """
    height, width = page.size
    figure = Figure(figsize=(width / page.dpi, height / page.dpi), dpi=page.dpi, facecolor=(0, 0, 0, 0))
    canvas: Any = FigureCanvasAgg(figure)  # Matplotlib's canvas has no types
    ink = "white" if page.background == "black" else "black"
    ink_style: dict[Any, Any] = dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), ink
    )
    with mpl.rc_context({**STYLE, **ink_style}):
        _write(figure, page, um_per_pixel, ink)
        canvas.draw()
    return np.array(canvas.buffer_rgba())


def _write(figure: Figure, page: Page, um_per_pixel: float, ink: str) -> None:
    page_height, page_width = (side / page.dpi * _MM_PER_INCH for side in page.size)
    view_height = page.view_size[0] / page.dpi * _MM_PER_INCH
    if page.colours is not None:
        axes = axes_at(figure, page_width - _BAR_MM + 2, 0.15 * view_height, _BAR_WIDTH_MM, 0.7 * view_height)
        mappable = ScalarMappable(Normalize(*page.colours.limits), ListedColormap(page.colours.ramp))
        figure.colorbar(mappable, cax=axes).set_label(page.colours.title)
    middle = view_height + _STRIP_MM / 2
    left = _EDGE_MM
    if page.scale_bar:
        left += _draw_scale_bar(figure, middle, um_per_pixel * page.dpi / _MM_PER_INCH, 0.22 * page_width, ink)
    if page.legend:
        patches = [Patch(color=colour, label=formula_text(name)) for name, colour in page.legend]
        place = (1 - _EDGE_MM / page_width, 1 - middle / page_height)
        options: dict[str, Any] = {"ncols": len(patches), "borderpad": 0, "columnspacing": 1.0, "handlelength": 1.2}
        figure.legend(handles=patches, loc="center right", bbox_to_anchor=place, **options)
    if page.caption:
        text_at(figure, page.caption, _EDGE_MM, page_height - 1.8, fontsize=7)


def _draw_scale_bar(figure: Figure, top_mm: float, um_per_mm: float, longest_mm: float, ink: str) -> float:
    """Draw a bar of a round length; returns the millimetres it takes."""
    length = round_length(longest_mm * um_per_mm)
    wide = length / um_per_mm
    axes = axes_at(figure, _EDGE_MM, top_mm - 0.3, wide, 0.6)
    axes.set_facecolor(ink)
    axes.set(xticks=[], yticks=[])
    text_at(figure, length_text(length), _EDGE_MM + wide + 1.5, top_mm, va="center")
    return wide


def on_page(page: Page, view: NDArray[np.uint8], around: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(row, column, 4) a view with its surroundings over the background.

    Parameters
    ----------
    page
        The page.
    view
        (row, column, 4) of `page.view_size`.
    around
        From `surroundings`.
    """
    base = np.zeros((*page.size, 4), dtype=np.float32)
    if page.background != "transparent":
        base[...] = (255, 255, 255, 255) if page.background == "white" else (0, 0, 0, 255)
    height, width = page.view_size
    base[:height, :width] = _over(view, base[:height, :width])
    whole: NDArray[np.uint8] = np.rint(_over(around, base)).astype(np.uint8)
    return whole


def _over(upper: NDArray[Any], lower: NDArray[Any]) -> NDArray[np.float32]:
    """Upper picture over a lower one, colours not multiplied by opacity.

    Porter and Duff, Computer Graphics 18, 253 (1984), doi:10.1145/800031.808606.
    """
    upper, lower = upper.astype(np.float32), lower.astype(np.float32)
    above = upper[..., 3:] / 255
    below = lower[..., 3:] / 255 * (1 - above)
    opacity = above + below
    colour = (upper[..., :3] * above + lower[..., :3] * below) / np.maximum(opacity, 1e-6)
    return np.concatenate([colour, opacity * 255], axis=-1)


def opacity_from(on_black: NDArray[np.uint8], on_white: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(row, column, 4) picture with its opacity, from two of the same view.

    Parameters
    ----------
    on_black, on_white
        (row, column, 3 or 4) over these backgrounds. What is opaque is the same on both; the background shows as far as
        they differ.
    """
    black, white = on_black[..., :3].astype(np.float32), on_white[..., :3].astype(np.float32)
    opacity = np.clip(1 - (white - black).mean(axis=-1) / 255, 0, 1)
    colour = np.clip(black / np.maximum(opacity, 1e-3)[..., np.newaxis], 0, 255)
    whole = np.concatenate([colour, 255 * opacity[..., np.newaxis]], axis=-1)
    return np.asarray(np.rint(whole), dtype=np.uint8)


def averaged(picture: NDArray[np.uint8], finer: int) -> NDArray[np.uint8]:
    """Picture of which every pixel is the mean of `finer` x `finer`, so that edges are smooth."""
    rows, columns = (side // finer for side in picture.shape[:2])
    blocks = picture[: rows * finer, : columns * finer].reshape(rows, finer, columns, finer, -1)
    return np.asarray(np.rint(blocks.mean(axis=(1, 3), dtype=np.float32)), dtype=np.uint8)
