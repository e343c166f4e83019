"""Pieces of a printed figure: a page in mm, image panels, colour bars, the scale bar, panel letters."""

import math
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from xanesmap.viewers.drawing.slices import PLANES, SlicePosition

PAGE_WIDTH_MM = 180.0
"""Width of two columns of a journal."""
_PAGE_HEIGHT_MM = 235.0
_MM_PER_INCH = 25.4

STYLE: dict[Any, Any] = {
    "font.size": 8,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.0,
    "legend.frameon": False,
}
"""Sizes in points, to be read at `PAGE_WIDTH_MM`."""

_LEFT, _BAR_GAP, _BAR_WIDTH, _BAR_TEXT = 7.0, 4.0, 3.0, 28.0
_TOP, _BOTTOM, _ROW_GAP, _COLUMN_GAP = 18.0, 14.0, 6.5, 6.0
_SLOT, _LEAST_ROW = 26.0, 26.0
_LETTERS = string.ascii_lowercase
_LETTER_STYLE: dict[str, Any] = {"fontweight": "bold", "fontsize": 9, "ha": "left", "va": "bottom"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """One row of a figure: the same quantity in the three planes."""

    images: Sequence[NDArray[Any]]
    """(row, column) or (row, column, 3) for each plane."""
    title: str
    """Text along the colour bar, or above one whose ticks are words."""
    colours: Colormap
    norm: Normalize
    ticks: Sequence[float] | None = None
    tick_labels: Sequence[str] | None = None
    extend: Literal["neither", "max", "both"] = "neither"
    """Ends of the colour bar beyond which values are cut off."""


def new_figure(width_mm: float, height_mm: float) -> Figure:
    """Figure of that size, drawn without a display."""
    figure = Figure(figsize=(width_mm / _MM_PER_INCH, height_mm / _MM_PER_INCH), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def page_height_mm(figure: Figure) -> float:
    """Height of a figure in mm."""
    return float(figure.get_size_inches()[1]) * _MM_PER_INCH


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes placed in millimetres from the left and the upper edge of the figure."""
    page_width, page_height = (float(inch) * _MM_PER_INCH for inch in figure.get_size_inches())
    bottom = page_height - top - height
    return figure.add_axes((left / page_width, bottom / page_height, width / page_width, height / page_height))


def letter(axes: Axes, index: int) -> None:
    """Write the panel letter above the upper left corner."""
    offset: dict[str, Any] = {"xytext": (0, 2.5), "textcoords": "offset points"}
    axes.annotate(_LETTERS[index], (0, 1), xycoords="axes fraction", **offset, **_LETTER_STYLE)


def statement_figure(title: str, statement: str) -> Figure:
    """Figure that says in words why there is nothing to draw."""
    figure = new_figure(PAGE_WIDTH_MM, 50)
    figure.text(0.5, 0.68, title, ha="center", fontsize=10, fontweight="bold")
    figure.text(0.5, 0.45, statement, ha="center", va="center", fontsize=9, wrap=True)
    return figure


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """Places of the image panels in mm."""

    mm_per_pixel: float
    lefts: tuple[float, ...]
    """Left edge of each column."""
    slots: tuple[float, ...]
    """Width of each column, at least that of its heading."""
    row_height: float
    """Height of a row, at least that of the text along its colour bar."""

    @property
    def bar_left(self) -> float:
        """Left edge of the colour bars."""
        return self.lefts[-1] + self.slots[-1] + _BAR_GAP

    def row_top(self, number: int) -> float:
        """Upper edge of a row."""
        return _TOP + number * (self.row_height + _ROW_GAP)


def slice_rows_figure(
    rows: Sequence[ImageRow],
    *,
    title: str,
    position: SlicePosition,
    pixel_size_um: float,
    below_mm: float = 0.0,
) -> Figure:
    """Rows of three orthogonal slices at one common scale, with a colour bar each and one scale bar.

    Parameters
    ----------
    rows
        What to show, from the top.
    title
        Heading of the figure.
    position
        Where the slices were cut, for the column headings.
    pixel_size_um
        Edge of a voxel in um.
    below_mm
        Height left free below.
    """
    grid = _grid([image.shape[:2] for image in rows[0].images], len(rows))
    figure = new_figure(PAGE_WIDTH_MM, grid.row_top(len(rows)) - _ROW_GAP + _BOTTOM + below_mm)
    heading(figure, title)
    _column_headings(figure, grid, position, pixel_size_um)
    for number, row in enumerate(rows):
        panels = _image_panels(figure, grid, row, number)
        text_at(figure, _LETTERS[number], grid.lefts[0], grid.row_top(number) - 1, **_LETTER_STYLE)
        for axes, (right, _, _) in zip(panels, PLANES, strict=True):
            axes.set_xlabel(f"{right} →" if number == len(rows) - 1 else "")
        _colour_bar(figure, grid, row, number)
    length = round_length(rows[0].images[0].shape[1] * pixel_size_um / 3)
    bottom = grid.row_top(len(rows)) - _ROW_GAP + 9
    _scale_bar(figure, grid, length, mm=length / pixel_size_um * grid.mm_per_pixel, top_mm=bottom)
    return figure


def _grid(shapes: Sequence[tuple[int, ...]], n_rows: int) -> _Grid:
    heights, widths = zip(*shapes, strict=True)
    room = PAGE_WIDTH_MM - _LEFT - _COLUMN_GAP * (len(shapes) - 1) - _BAR_GAP - _BAR_WIDTH - _BAR_TEXT
    by_height = ((_PAGE_HEIGHT_MM - _TOP - _BOTTOM) / n_rows - _ROW_GAP) / max(heights)
    scale = min(room / sum(widths), by_height)
    # Headings wider than their panels take their room from all panels.
    scale *= min(1.0, room / sum(max(width * scale, _SLOT) for width in widths))
    slots = tuple(max(width * scale, _SLOT) for width in widths)
    spare = max(0.0, room - sum(slots)) / 2
    starts = (sum(slots[:column]) + _COLUMN_GAP * column for column in range(len(slots)))
    return _Grid(
        mm_per_pixel=scale,
        lefts=tuple(_LEFT + spare + start for start in starts),
        slots=slots,
        row_height=max(max(heights) * scale, _LEAST_ROW),
    )


def heading(figure: Figure, title: str) -> None:
    """Write the title of a figure."""
    text_at(figure, title, PAGE_WIDTH_MM / 2, 5.5, fontsize=10, fontweight="bold", ha="center")


def text_at(figure: Figure, text: str, left: float, top: float, **style: Any) -> None:
    """Write text with its baseline in mm from the left and the upper edge of the figure."""
    width, height = (float(inch) * _MM_PER_INCH for inch in figure.get_size_inches())
    figure.text(left / width, 1 - top / height, text, **style)


def _column_headings(figure: Figure, grid: _Grid, position: SlicePosition, pixel_size_um: float) -> None:
    for (right, down, across), left, slot in zip(PLANES, grid.lefts, grid.slots, strict=True):
        depth = getattr(position, across) * pixel_size_um
        text = f"{right}–{down} plane\n{across} = {depth:.2f} µm"
        text_at(figure, text, left + slot / 2, _TOP - 3.5, ha="center", va="bottom", linespacing=1.1)


def _image_panels(figure: Figure, grid: _Grid, row: ImageRow, number: int) -> list[Axes]:
    panels = []
    for image, left, slot, (_, down, _) in zip(row.images, grid.lefts, grid.slots, PLANES, strict=True):
        height, width = (n * grid.mm_per_pixel for n in image.shape[:2])
        top = grid.row_top(number) + (grid.row_height - height) / 2
        axes = axes_at(figure, left + (slot - width) / 2, top, width, height)
        axes.imshow(image, cmap=row.colours, norm=row.norm, interpolation="nearest", aspect="auto")
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(f"{down}\n↓", rotation=0, ha="right", va="center", labelpad=2, linespacing=1.0)
        axes.spines[:].set_color("#b0b0b0")
        panels.append(axes)
    return panels


def _colour_bar(figure: Figure, grid: _Grid, row: ImageRow, number: int) -> None:
    axes = axes_at(figure, grid.bar_left, grid.row_top(number), _BAR_WIDTH, grid.row_height)
    mappable = ScalarMappable(row.norm, row.colours)
    bar = figure.colorbar(mappable, cax=axes, extend=row.extend, extendfrac=0.05)
    if row.ticks is not None:
        bar.set_ticks(list(row.ticks), labels=row.tick_labels)
    if row.tick_labels is None:
        bar.set_label(row.title)
    else:
        # The names of phases may be long: they get the whole width beside the bar.
        text_at(figure, row.title, grid.bar_left, grid.row_top(number) - 1.5)
    bar.ax.minorticks_off()


def _scale_bar(figure: Figure, grid: _Grid, length_um: float, *, mm: float, top_mm: float) -> None:
    width, height = (float(inch) * _MM_PER_INCH for inch in figure.get_size_inches())
    left, level = grid.lefts[0], 1 - top_mm / height
    right = left + mm
    bar = Line2D([left / width, right / width], [level, level], color="black", linewidth=2.5)
    bar.set_solid_capstyle("butt")
    figure.add_artist(bar)
    figure.text((right + 2) / width, level, f"{length_text(length_um)} (all panels)", va="center")


def round_length(length_um: float) -> float:
    """Largest of 1, 2 or 5 times a power of ten that is not above `length_um`."""
    power = 10.0 ** math.floor(math.log10(length_um))
    return max(step * power for step in (1, 2, 5) if step * power <= length_um * (1 + 1e-9))


def length_text(length_um: float) -> str:
    """Length with its unit: um, or nm below half a um."""
    return f"{length_um:g} µm" if length_um >= 0.5 else f"{length_um * 1000:g} nm"
