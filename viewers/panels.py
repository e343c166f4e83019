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

from xanesmap.viewers.slices import PLANES, SlicePosition

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

_LEFT, _BAR_GAP, _BAR_WIDTH, _BAR_TEXT = 7.0, 4.0, 3.0, 24.0
_TOP, _BOTTOM, _ROW_GAP, _COLUMN_GAP = 18.0, 14.0, 5.0, 6.0
_SLOT = 26.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """One row of a figure: the same quantity in the three planes."""

    images: Sequence[NDArray[Any]]
    """(row, column) or (row, column, 3) for each plane."""
    title: str
    """Text along the colour bar."""
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
    return figure.add_axes(
        (left / page_width, bottom / page_height, width / page_width, height / page_height)
    )


def letter(axes: Axes, index: int) -> None:
    """Write the panel letter above the upper left corner."""
    axes.annotate(
        string.ascii_lowercase[index],
        (0, 1),
        xytext=(0, 2.5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontweight="bold",
        fontsize=9,
        ha="left",
        va="bottom",
    )


def statement_figure(title: str, statement: str) -> Figure:
    """Figure that says in words why there is nothing to draw."""
    figure = new_figure(PAGE_WIDTH_MM, 50)
    figure.text(0.5, 0.68, title, ha="center", fontsize=10, fontweight="bold")
    figure.text(0.5, 0.45, statement, ha="center", va="center", fontsize=9, wrap=True)
    return figure


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """Places of the image panels in mm."""

    scale: float
    """mm on paper per um."""
    lefts: tuple[float, ...]
    """Left edge of each column."""
    slots: tuple[float, ...]
    """Width of each column, at least that of its heading."""
    row_height: float

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
    sizes = [(image.shape[1] * pixel_size_um, image.shape[0] * pixel_size_um) for image in rows[0].images]
    grid = _grid(sizes, len(rows))
    figure = new_figure(PAGE_WIDTH_MM, grid.row_top(len(rows)) - _ROW_GAP + _BOTTOM + below_mm)
    heading(figure, title)
    _column_headings(figure, grid, position, pixel_size_um)
    for number, row in enumerate(rows):
        panels = _image_panels(figure, grid, row, number)
        letter(panels[0], number)
        for axes, (right, _, _) in zip(panels, PLANES, strict=True):
            axes.set_xlabel(f"{right} →" if number == len(rows) - 1 else "")
        _colour_bar(figure, grid, row, number)
    _scale_bar(figure, grid, extent_um=sizes[0][0], top_mm=grid.row_top(len(rows)) - _ROW_GAP + 9)
    return figure


def _grid(sizes: Sequence[tuple[float, float]], n_rows: int) -> _Grid:
    gaps = _LEFT + _COLUMN_GAP * (len(sizes) - 1) + _BAR_GAP + _BAR_WIDTH + _BAR_TEXT
    widths, heights = zip(*sizes, strict=True)
    by_width = (PAGE_WIDTH_MM - gaps) / sum(widths)
    by_height = ((_PAGE_HEIGHT_MM - _TOP - _BOTTOM) / n_rows - _ROW_GAP) / max(heights)
    scale = min(by_width, by_height)
    slots = [max(width * scale, _SLOT) for width in widths]
    # Headings that need more than their panels take it from all panels.
    scale *= min(1.0, (PAGE_WIDTH_MM - gaps) / sum(slots))
    slots = [max(width * scale, _SLOT) for width in widths]
    starts = [sum(slots[:column]) + _COLUMN_GAP * column for column in range(len(slots))]
    lefts = tuple(_LEFT + start for start in starts)
    return _Grid(scale=scale, lefts=lefts, slots=tuple(slots), row_height=max(heights) * scale)


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
        pixels_down, pixels_right = image.shape[:2]
        height = grid.row_height * pixels_down / max(each.shape[0] for each in row.images)
        width = height * pixels_right / pixels_down
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
    bar.set_label(row.title)
    bar.ax.minorticks_off()


def _scale_bar(figure: Figure, grid: _Grid, *, extent_um: float, top_mm: float) -> None:
    length = round_length(extent_um / 3)
    width, height = (float(inch) * _MM_PER_INCH for inch in figure.get_size_inches())
    left, level = grid.lefts[0], 1 - top_mm / height
    right = left + length * grid.scale
    bar = Line2D([left / width, right / width], [level, level], color="black", linewidth=2.5)
    bar.set_solid_capstyle("butt")
    figure.add_artist(bar)
    figure.text((right + 2) / width, level, f"{length_text(length)} (all panels)", va="center")


def round_length(length_um: float) -> float:
    """Largest of 1, 2 or 5 times a power of ten that is not above `length_um`."""
    power = 10.0 ** math.floor(math.log10(length_um))
    return max(step * power for step in (1, 2, 5) if step * power <= length_um * (1 + 1e-9))


def length_text(length_um: float) -> str:
    """Length with its unit: um, or nm below half a um."""
    return f"{length_um:g} µm" if length_um >= 0.5 else f"{length_um * 1000:g} nm"
