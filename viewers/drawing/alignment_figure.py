"""One figure to judge an alignment by: displacements, residuals, slices, sharpness and resolution, before and after."""

from __future__ import annotations

from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import CenteredNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from xanesmap.reconstruct.alignment.report import AlignmentReport
from xanesmap.reconstruct.alignment.shell_correlation import ONE_SEVENTH, ShellCorrelation
from xanesmap.viewers.drawing.panels import (
    PAGE_WIDTH_MM,
    STYLE,
    axes_at,
    heading,
    length_text,
    letter,
    new_figure,
    round_length,
    text_at,
)

# Okabe and Ito's colours, told apart with any colour vision: https://jfly.uni-koeln.de/color/
_BEFORE: dict[str, Any] = {"color": "#d55e00", "linestyle": (0, (4, 1.5)), "label": "before"}
_AFTER: dict[str, Any] = {"color": "#0072b2", "linestyle": "-", "label": "after"}
_ALONG_V: dict[str, Any] = {"color": "#009e73", "linestyle": "-"}
_ALONG_U: dict[str, Any] = {"color": "#aa4499", "linestyle": (0, (4, 1.5))}
_MISSING = "#c8c8c8"

_HEIGHT_MM = 204.0
_CARDS_MM, _MAPS_MM, _CURVES_MM, _IMAGES_MM = 15.0, 33.0, 91.0, 146.0  # upper edges of the rows
_CARD_MIDDLES_MM = (19.0, 56.0, 91.0, 130.0, 165.0)
_LEFT_MM = 16.0
_MAP_WIDTH, _MAP_HEIGHT = 65.0, 42.0
_CURVE_HEIGHT = 38.0
_IMAGE_WIDTH, _IMAGE_HEIGHT = 33.0, 40.0
_GRID_COLUMNS = 720
_ENERGY_TICKS = 6


def alignment_figure(report: AlignmentReport) -> Figure:
    """Draw the report of an alignment on one page.

    Parameters
    ----------
    report
        From `reconstruct.alignment_report.make_report`.

    Returns
    -------
    Figure
        180 mm wide: the numbers; displacement of every frame along v and u, those left out crossed; displacement of
        every energy, sharpness of every energy, shell correlation of odd and even angles; one slice and the residuals
        of one energy, before and after at the same scale.
    """
    with mpl.rc_context(STYLE):
        figure = new_figure(PAGE_WIDTH_MM, _HEIGHT_MM)
        heading(figure, "Alignment of the projections")
        _write_cards(figure, report)
        _draw_maps(figure, report)
        _draw_energies(axes_at(figure, _LEFT_MM, _CURVES_MM, 44, _CURVE_HEIGHT), report)
        _draw_sharpness(axes_at(figure, 75, _CURVES_MM, 42, _CURVE_HEIGHT), report)
        _draw_correlation(axes_at(figure, 132, _CURVES_MM, 44, _CURVE_HEIGHT), report)
        _draw_slices(figure, report)
        _draw_residuals(figure, report)
    return figure


def _write_cards(figure: Figure, report: AlignmentReport) -> None:
    """The numbers one reads first."""
    along_v, along_u = report.rms_shift_px
    before, after = (_size_text(c) for c in (report.correlation_before, report.correlation))
    step = "" if report.rms_step_px is None else f"\nlast step {report.rms_step_px:.2g} px"
    gain, sigma = report.sharpness_gain, report.rms_sigma_px
    cards = (
        (f"{report.n_left_out} of {report.n_frames}", "frames left out"),
        (f"{along_v:.2f}, {along_u:.2f} px", "displacement undone\nin v, u (rms)"),
        (f"± {sigma:.2g} px" if np.isfinite(sigma) else "–", f"standard error\nof a frame{step}"),
        (f"{before} → {after}", "resolution, half bit"),
        (f"× {gain:.2f}" if np.isfinite(gain) else "–", "sharpness"),
    )
    for middle, (value, meaning) in zip(_CARD_MIDDLES_MM, cards, strict=True):
        text_at(figure, value, middle, _CARDS_MM, fontsize=10, fontweight="bold", ha="center", va="bottom")
        text_at(figure, meaning, middle, _CARDS_MM + 1, ha="center", va="top", color="#404040", linespacing=1.1)


def _size_text(correlation: ShellCorrelation) -> str:
    """Resolution in nm; what is not known is said."""
    size = correlation.resolution_um
    if size is None:
        return f"≤ {1000 * correlation.finest_um:.0f} nm"
    return f"{1000 * size:.0f} nm" if np.isfinite(size) else "none"


def _draw_maps(figure: Figure, report: AlignmentReport) -> None:
    """Displacement of every frame as two images (energy, angle)."""
    known = np.concatenate([shift[kept] for shift, kept in zip(report.shift_px, report.kept, strict=True)])
    norm = CenteredNorm(halfrange=max(float(np.percentile(np.abs(known), 99)), 1e-3))
    titles = ("displacement along v", "displacement along u, less that of the axis")
    for direction, title in enumerate(titles):
        axes = axes_at(figure, _LEFT_MM + direction * (_MAP_WIDTH + 7), _MAPS_MM, _MAP_WIDTH, _MAP_HEIGHT)
        image = _draw_map(axes, report, direction, norm)
        _title(axes, direction, title)
        if direction:
            axes.set(ylabel="", yticklabels=[])
    bar = axes_at(figure, _LEFT_MM + 2 * _MAP_WIDTH + 10, _MAPS_MM, 3, _MAP_HEIGHT)
    figure.colorbar(image, cax=bar, extend="both", extendfrac=0.04).set_label("displacement (px)")
    if report.n_left_out:
        mark = Line2D([], [], color="black", marker="x", markersize=3, linewidth=0, label="frame left out")
        axes.legend(handles=[mark], loc="upper right", bbox_to_anchor=(1.02, -0.1), handletextpad=0.1)


def _draw_map(axes: Axes, report: AlignmentReport, direction: int, norm: Normalize) -> AxesImage:
    lowest = min(float(a.min()) for a in report.angles_deg)
    highest = max(float(a.max()) for a in report.angles_deg)
    grid = np.linspace(lowest, highest, _GRID_COLUMNS)
    rows = [_on_grid(a, s[:, direction], grid) for a, s in zip(report.angles_deg, report.shift_px, strict=True)]
    n_energies = len(rows)
    image = axes.imshow(
        np.stack(rows),
        cmap=mpl.colormaps["RdBu_r"].with_extremes(bad=_MISSING),
        norm=norm,
        aspect="auto",
        interpolation="nearest",
        origin="lower",
        extent=(lowest, highest, -0.5, n_energies - 0.5),
    )
    for index, (angles, kept) in enumerate(zip(report.angles_deg, report.kept, strict=True)):
        lost = angles[~kept]
        axes.plot(lost, np.full(len(lost), index), "x", color="black", markersize=3, markeredgewidth=0.8, zorder=3)
    ticks = np.unique(np.linspace(0, n_energies - 1, min(_ENERGY_TICKS, n_energies)).round().astype(int))
    axes.set_yticks(ticks, labels=[f"{report.energies_ev[tick]:.0f}" for tick in ticks])
    axes.set(xlabel="angle (°)", ylabel="photon energy (eV)")
    axes.set(xlim=(lowest, highest), ylim=(-0.5, n_energies - 0.5))
    return image


def _on_grid(
    angles_deg: NDArray[np.float64], values: NDArray[np.float64], grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Value of the nearest angle; NaN in gaps twice as wide as usual."""
    order = np.argsort(angles_deg, kind="stable")
    known = angles_deg[order]
    above = np.clip(np.searchsorted(known, grid), 1, len(known) - 1)
    nearest = np.where(grid - known[above - 1] < known[above] - grid, above - 1, above)
    usual = np.median(np.diff(known)) + (grid[1] - grid[0])
    far = np.abs(known[nearest] - grid) > usual
    return np.asarray(np.where(far, np.nan, values[order][nearest]))


def _draw_energies(axes: Axes, report: AlignmentReport) -> None:
    """Where whole energies lie: median of their frames, and the range of nine tenths of them."""
    axis = report.centre_px - (report.detector_shape[1] - 1) / 2
    for direction, (name, style) in enumerate((("v", _ALONG_V), ("u, axis included", _ALONG_U))):
        totals = [shift[kept, direction] for shift, kept in zip(report.shift_px, report.kept, strict=True)]
        low, middle, high = np.array([np.percentile(total, (5, 50, 95)) for total in totals]).T
        offset = axis if direction else 0.0
        axes.plot(report.energies_ev, middle + offset, marker=".", markersize=3, label=name, **style)
        axes.fill_between(report.energies_ev, low + offset, high + offset, color=style["color"], alpha=0.18, lw=0)
    axes.axhline(0, color="#808080", linewidth=0.5)
    axes.set(xlabel="photon energy (eV)", ylabel="displacement (px)")
    axes.margins(x=0.02, y=0.05)
    axes.set_ylim(top=axes.get_ylim()[1] + 0.2 * np.ptp(axes.get_ylim()))
    axes.legend(loc="upper center", ncols=2, handlelength=1.8, columnspacing=1, borderaxespad=0.1)
    _title(axes, 2, "median and 90 % of frames")


def _draw_sharpness(axes: Axes, report: AlignmentReport) -> None:
    for values, style in ((report.sharpness_before, _BEFORE), (report.sharpness_after, _AFTER)):
        axes.plot(report.energies_ev, values, marker=".", markersize=3, **style)
    top = max(float(report.sharpness_before.max()), float(report.sharpness_after.max()), 1e-6)
    axes.set(xlabel="photon energy (eV)", ylabel="sharpness (1/µm)", ylim=(0, 1.15 * top))
    axes.margins(x=0.02)
    axes.legend(loc="lower right", handlelength=1.8)
    _title(axes, 3, "gradient in both halves")


def _draw_correlation(axes: Axes, report: AlignmentReport) -> None:
    for correlation, style in ((report.correlation_before, _BEFORE), (report.correlation, _AFTER)):
        axes.plot(correlation.frequency_per_um, correlation.correlation, **style)
        size = correlation.resolution_um
        if size is not None and np.isfinite(size):
            height = float(np.interp(1 / size, correlation.frequency_per_um, correlation.half_bit))
            axes.plot(1 / size, height, "o", color=style["color"], markersize=4, zorder=4)
    after = report.correlation
    axes.plot(after.frequency_per_um, after.half_bit, color="black", linestyle=":", label="half bit")
    axes.axhline(ONE_SEVENTH, color="#808080", linewidth=0.6, label="1/7")
    axes.set(xlabel="spatial frequency (1/µm)", ylabel="correlation")
    axes.set(xlim=(0, 1 / after.finest_um), ylim=(-0.1, 1.05))
    axes.legend(loc="best", handlelength=1.8, borderaxespad=0.2, labelspacing=0.3)
    _title(axes, 4, "odd against even angles")


def _title(axes: Axes, index: int, title: str) -> None:
    """Letter of a panel, and its title beside it."""
    letter(axes, index)
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    axes.annotate(title, (0, 1), xytext=(10, 3), fontsize=8, **place)


def _draw_slices(figure: Figure, report: AlignmentReport) -> None:
    low, high = np.percentile(report.slice_after, (0.5, 99.8))
    norm = Normalize(min(float(low), 0.0), max(float(high), 1e-9))
    images = (report.slice_before, report.slice_after)
    panels = _draw_pair(figure, images, left=_LEFT_MM - 6, shape=images[0].shape, norm=norm, cmap="gray", extend="both")
    _name_pair(
        panels, 5, right="x", down="y", what=f"attenuation (1/µm) at z = {report.slice_row},\nmean over energies"
    )
    _draw_scale(panels[0], report)


def _draw_residuals(figure: Figure, report: AlignmentReport) -> None:
    norm = Normalize(0, max(float(np.percentile(report.residual_before, 99.5)), 1e-9))
    images = (report.residual_before, report.residual_after)
    panels = _draw_pair(figure, images, left=96.0, shape=report.detector_shape, norm=norm, cmap="viridis", extend="max")
    what = f"line integral at {report.residual_energy_ev:.0f} eV:\nrms difference from prediction"
    _name_pair(panels, 6, right="u", down="v", what=what)


def _name_pair(panels: tuple[Axes, Axes], index: int, *, right: str, down: str, what: str) -> None:
    """Titles, axes and caption of two images."""
    before, after = panels
    _title(before, index, "before")
    after.annotate("after", (0, 1), xytext=(0, 3), xycoords="axes fraction", textcoords="offset points", va="bottom")
    for axes in panels:
        axes.set_xlabel(f"{right} →", labelpad=2)
    before.set_ylabel(f"{down}\n↓", rotation=0, ha="right", va="center", labelpad=2, linespacing=1.0)
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "center", "va": "top"}
    before.annotate(what, (1.03, 0), xytext=(0, -14), **place)


def _draw_pair(
    figure: Figure,
    images: tuple[NDArray[Any], NDArray[Any]],
    *,
    left: float,
    shape: tuple[int, ...],
    norm: Normalize,
    cmap: str,
    extend: Literal["both", "max"],
) -> tuple[Axes, Axes]:
    """Two images at one scale beside one another, and their colour bar."""
    scale = min(_IMAGE_WIDTH / shape[1], _IMAGE_HEIGHT / shape[0])
    width, height = scale * shape[1], scale * shape[0]
    panels = []
    for number, image in enumerate(images):
        axes = axes_at(figure, left + number * (width + 2.5), _IMAGES_MM, width, height)
        shown = axes.imshow(image, cmap=cmap, norm=norm, aspect="auto", interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color("#b0b0b0")
        panels.append(axes)
    bar = axes_at(figure, left + 2 * width + 4.5, _IMAGES_MM, 2.5, height)
    figure.colorbar(shown, cax=bar, extend=extend, extendfrac=0.05)
    return panels[0], panels[1]


def _draw_scale(axes: Axes, report: AlignmentReport) -> None:
    n_y, n_x = report.slice_before.shape
    length = round_length(n_x * report.pixel_size_um / 3)
    right = 0.05 * n_x + length / report.pixel_size_um
    axes.plot([0.05 * n_x, right], [0.94 * n_y] * 2, color="white", linewidth=2, solid_capstyle="butt")
    axes.text(0.05 * n_x, 0.91 * n_y, length_text(length), color="white", va="bottom", fontsize=7)
