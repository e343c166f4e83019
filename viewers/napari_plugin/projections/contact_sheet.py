"""Many projections on one sheet: all energies at one angle, or all angles at one energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.viewers.drawing.panels import length_text, round_length
from xanesmap.viewers.napari_plugin.parts.figure_theme import LIGHT, FigureTheme, paint
from xanesmap.viewers.napari_plugin.projections.frames import UNITS, Projections, Shown, energy_label, shown_limits

Over = Literal["energies", "angles"]

_TILE_PIXELS = 220  # of the longer side of a tile
_WIDTH_INCH = 10.0
_MARGIN_INCH, _GAP_INCH, _HEAD_INCH, _BAR_INCH = 0.12, 0.06, 0.42, 0.75


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContactSheet:
    """Projections side by side, in one scale of grey."""

    images: NDArray[np.float32]
    """(tile, v, u), blocks of pixels averaged."""
    labels: tuple[str, ...]
    title: str
    unit: str
    pixel_um: float | None
    """Of the averaged pixels; None where not known."""


def make_contact_sheet(
    projections: Projections,
    *,
    over: Over,
    at: int | float,
    shown: Shown = "attenuation",
    tiles: int = 30,
    progress: Progress = no_progress,
) -> ContactSheet:
    """Read projections for a contact sheet, one at a time.

    Parameters
    ----------
    projections
        Of a scan.
    over
        What changes from tile to tile.
    at
        Angle in degrees of a sheet over energies, number of the energy of one over angles.
    shown
        What is shown of the frames.
    tiles
        At most so many, evenly chosen.
    progress
        Called with stage, steps done and steps of the stage.

    Raises
    ------
    DataError
        A file cannot be read.
    """
    scan = projections.scan
    chosen = _chosen(projections, over=over, at=at, tiles=tiles)
    step = -(-max(scan.n_rows, scan.n_columns) // _TILE_PIXELS)
    images = []
    for number, (energy, angle) in enumerate(chosen):
        progress("Read frames", number, len(chosen))
        images.append(_averaged(projections.frame(energy, angle, shown=shown), step))
    angles = [f"{projections.angle_deg(energy, angle):.1f}°" for energy, angle in chosen]
    size = scan.pixel_size_nm
    return ContactSheet(
        images=np.stack(images),
        labels=tuple(angles if over == "angles" else [_short_energy(projections, energy) for energy, _ in chosen]),
        title=f"{shown} at {angles[0] if over == 'energies' else energy_label(scan, int(at))}",
        unit=UNITS[shown],
        pixel_um=None if size is None else step * size / 1000,
    )


def _chosen(projections: Projections, *, over: Over, at: float, tiles: int) -> list[tuple[int, int]]:
    """Energy and angle of every tile."""
    n = projections.n_energies if over == "energies" else projections.n_angles(int(at))
    numbers = np.unique(np.linspace(0, n - 1, min(tiles, n)).round().astype(int)).tolist()
    if over == "energies":
        return [(energy, projections.nearest_angle(energy, at)) for energy in numbers]
    order = np.argsort(projections.scan.tomograms[int(at)].angles_rad, kind="stable")
    return [(int(at), int(order[number])) for number in numbers]


def _short_energy(projections: Projections, energy: int) -> str:
    value = float(projections.scan.energies_ev[energy])
    return f"{value:.1f} eV" if np.isfinite(value) else f"energy {energy + 1}"


def _averaged(image: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Image with blocks of `step` pixels averaged; an incomplete block at the edge is left out."""
    rows, columns = (n // step * step for n in image.shape)
    blocks = image[:rows, :columns].reshape(rows // step, step, columns // step, step)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


def contact_figure(sheet: ContactSheet, *, theme: FigureTheme = LIGHT) -> Figure:
    """Draw a contact sheet.

    Parameters
    ----------
    sheet
        The sheet.
    theme
        Its colours.
    """
    n, rows, columns = sheet.images.shape
    layout = _Layout.of(n, rows / columns)
    figure = Figure(figsize=(_WIDTH_INCH, layout.height))
    lows, highs = zip(*map(shown_limits, sheet.images), strict=True)
    low, high = min(lows), max(highs)
    tiles = [figure.add_axes(layout.tile(number)) for number in range(n)]
    for axes, image in zip(tiles, sheet.images, strict=True):
        drawn = axes.imshow(image, cmap="gray", vmin=low, vmax=high, aspect="auto", interpolation="nearest")
        axes.set_axis_off()
    bar = figure.add_axes(layout.bar())
    figure.colorbar(drawn, cax=bar)
    bar.set_title("" if sheet.unit == "1" else sheet.unit, fontsize=9)
    place: dict[str, Any] = {"x": _MARGIN_INCH / _WIDTH_INCH, "y": 1 - _MARGIN_INCH / layout.height}
    figure.suptitle(sheet.title, ha="left", va="top", color=theme.text, **place)
    paint(figure, theme)
    for axes, label in zip(tiles, sheet.labels, strict=True):  # in their own colours, over the images
        _write(axes, label)
    _draw_scale(tiles[0], sheet)
    return figure


def sheet_pixels(sheet: ContactSheet, *, theme: FigureTheme, dpi: int) -> NDArray[np.uint8]:
    """`(row, column, 4)` red, green, blue and opacity of a sheet as it is drawn.

    Parameters
    ----------
    sheet
        The sheet.
    theme
        Its colours.
    dpi
        Pixels per inch.
    """
    figure = contact_figure(sheet, theme=theme)
    figure.set_dpi(dpi)
    canvas: Any = FigureCanvasAgg(figure)  # Matplotlib's canvas has no types
    canvas.draw()
    return np.array(canvas.buffer_rgba())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where the parts of a sheet are; boxes (left, bottom, width, height) as parts of the figure."""

    across: int
    wide: float
    high: float
    height: float

    @classmethod
    def of(cls, n: int, aspect: float) -> Self:
        """Layout of so many tiles, whose height is `aspect` times their width."""
        across, down = _grid(n, aspect)
        wide = (_WIDTH_INCH - 2 * _MARGIN_INCH - _BAR_INCH - (across - 1) * _GAP_INCH) / across
        high = wide * aspect
        height = 2 * _MARGIN_INCH + _HEAD_INCH + down * high + (down - 1) * _GAP_INCH
        return cls(across=across, wide=wide, high=high, height=height)

    def tile(self, number: int) -> tuple[float, float, float, float]:
        """Box of a tile."""
        left = _MARGIN_INCH + number % self.across * (self.wide + _GAP_INCH)
        top = self.height - _MARGIN_INCH - _HEAD_INCH - number // self.across * (self.high + _GAP_INCH)
        return self._box(left, top, self.wide, self.high)

    def bar(self) -> tuple[float, float, float, float]:
        """Box of the colour bar."""
        top = self.height - _MARGIN_INCH - _HEAD_INCH
        return self._box(_WIDTH_INCH - _BAR_INCH, top, 0.14, min(top - _MARGIN_INCH, 3.0))

    def _box(self, left: float, top: float, wide: float, high: float) -> tuple[float, float, float, float]:
        return left / _WIDTH_INCH, (top - high) / self.height, wide / _WIDTH_INCH, high / self.height


def _grid(n: int, aspect: float) -> tuple[int, int]:
    """Columns and rows of tiles that make a sheet not much higher than wide."""
    across = int(np.clip(np.ceil(np.sqrt(n * aspect * 1.4)), 1, n))
    return across, -(-n // across)


def _write(axes: Axes, label: str) -> None:
    """Label in the corner of a tile, readable on light and on dark."""
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top"}
    box = {"boxstyle": "square,pad=0.2", "facecolor": "black", "edgecolor": "none", "alpha": 0.6}
    axes.annotate(label, (0, 1), xytext=(3, -3), color="white", fontsize=8, bbox=box, **place)


def _draw_scale(axes: Axes, sheet: ContactSheet) -> None:
    if sheet.pixel_um is None:
        return
    rows, columns = sheet.images.shape[1:]
    length = round_length(columns * sheet.pixel_um / 3)
    right = 0.06 * columns + length / sheet.pixel_um
    axes.plot([0.06 * columns, right], [0.93 * rows] * 2, color="white", linewidth=2, solid_capstyle="butt")
    axes.text(0.06 * columns, 0.9 * rows, length_text(length), color="white", va="bottom", fontsize=8)
