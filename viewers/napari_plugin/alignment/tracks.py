"""Where the frames of a scan were, drawn: shifts over angle and energy, rotation axis, errors, frames left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xanesmap.phasemap.alignment.store import StoredAlignment
from xanesmap.viewers.napari_plugin.parts.figure_theme import FigureTheme, empty, paint

FloatArray = NDArray[np.float64]

# Okabe and Ito's colours, told apart with any colour vision and on light and dark: https://jfly.uni-koeln.de/color/
_ALONG_V, _ALONG_U = "#009e73", "#cc79a7"
_NAMES = (("v", _ALONG_V), ("u", _ALONG_U))
_TICK_PT = 8
_LEFT_PT, _RIGHT_PT, _ABOVE_PT, _BELOW_PT = 50.0, 46.0, 20.0, 32.0
_SHARES, _GAPS_PT = (1.5, 1.2, 1, 1), (36.0, 7.0, 7.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tracks:
    """What an alignment found of every frame.

    Parameters
    ----------
    energies_ev
        `(energy,)` eV.
    angles_deg
        `(energy, angle)` degrees; NaN beyond the last frame of an energy.
    shift_px
        `(energy, angle, 2)` displacement (v, u) without that of the rotation axis, pixels; NaN for frames left out.
    sigma_px
        `(energy, angle)` its standard error, pixels.
    kept
        `(energy, angle)` False for frames left out.
    centre_px
        `(energy,)` detector column of the rotation axis, pixels.
    pixel_um
        Edge of a pixel, um.
    """

    energies_ev: FloatArray
    angles_deg: FloatArray
    shift_px: FloatArray
    sigma_px: FloatArray
    kept: NDArray[np.bool_]
    centre_px: FloatArray
    pixel_um: float

    @property
    def recorded(self) -> NDArray[np.bool_]:
        """`(energy, angle)` whether there is such a frame."""
        return np.isfinite(self.angles_deg)

    @property
    def sigma_of_energies_px(self) -> FloatArray:
        """`(energy,)` standard error of a frame kept, rms, pixels; NaN where the method does not tell it."""
        known = self.kept & self.recorded & np.isfinite(self.sigma_px)
        squares = np.where(known, self.sigma_px**2, 0).sum(axis=1)
        counts = known.sum(axis=1)
        return np.sqrt(np.where(counts > 0, squares / np.maximum(counts, 1), np.nan))

    @property
    def n_left_out(self) -> NDArray[np.intp]:
        """`(energy,)` frames left out."""
        return np.asarray((self.recorded & ~self.kept).sum(axis=1), np.intp)

    def nearest_energy(self, energy_ev: float) -> int:
        """Number of the energy nearest to one in eV."""
        return int(np.argmin(np.abs(self.energies_ev - energy_ev)))

    def nearest_angle(self, energy: int, angle_deg: float) -> int:
        """Number of the frame of an energy nearest to an angle in degrees."""
        return int(np.nanargmin(np.abs(self.angles_deg[energy] - angle_deg)))


def tracks_of(stored: StoredAlignment, *, pixel_um: float) -> Tracks:
    """Tracks of a stored alignment.

    Parameters
    ----------
    stored
        The alignment.
    pixel_um
        Edge of a pixel, um.
    """
    alignment = stored.alignment
    return Tracks(
        energies_ev=stored.energies_ev,
        angles_deg=np.rad2deg(stored.angles_rad),
        shift_px=alignment.shift_px,
        sigma_px=alignment.residual_px,
        kept=alignment.kept,
        centre_px=alignment.centre_px,
        pixel_um=pixel_um,
    )


def tracks_text(tracks: Tracks) -> str:
    """The numbers one reads first, in a sentence or two."""
    known = np.isfinite(tracks.shift_px).all(axis=2) & tracks.recorded
    total = (tracks.shift_px + np.stack([np.zeros_like(tracks.centre_px), tracks.centre_px], axis=1)[:, None])[known]
    along_v, along_u = total.std(axis=0)
    um = tracks.pixel_um
    n, left = int(tracks.recorded.sum()), int(tracks.n_left_out.sum())
    sigma = float(np.sqrt(np.nanmean(tracks.sigma_of_energies_px**2))) if known.any() else np.nan
    error = f", each known to {sigma:.3f} px" if np.isfinite(sigma) else ""
    return (
        f"{n} frames, {left} left out. Displacement undone, rms: {along_v:.2f} px ({along_v * um:.3f} µm) along v, "
        f"{along_u:.2f} px ({along_u * um:.3f} µm) along u{error}."
    )


class TracksDrawing:
    """Tracks on a figure. What does not change from frame to frame is drawn once, as it takes a tenth of a second.

    Parameters
    ----------
    figure
        What it held is removed.
    tracks
        The tracks.
    theme
        Colours.
    """

    def __init__(self, figure: Figure, tracks: Tracks, *, theme: FigureTheme) -> None:
        figure.clear()
        self.figure, self.tracks, self.theme, self.energy = figure, tracks, theme, -1
        self.panels: tuple[Axes, ...] = tuple(figure.subplots(4, 1))
        """Displacement over angle at one energy; then over energy displacement, rotation axis, and standard error."""
        _, shifts, axis, errors = self.panels
        for axes in (shifts, axis):
            axes.sharex(errors)
            axes.tick_params(labelbottom=False)
        _draw_energies(shifts, tracks)
        axis.plot(tracks.energies_ev, tracks.centre_px, "o-", color="#0072b2", ms=3, lw=1)
        axis.set_ylabel("axis (px)")
        _draw_errors(errors, tracks)
        self._seconds = [_in_um(axes, tracks.pixel_um) for axes in self.panels[:2]]
        middle = float(tracks.energies_ev.mean())
        self._at_energy = [axes.axvline(middle, color=theme.text, lw=0.8, ls=":") for axes in self.panels[1:]]
        self._at_angle: Any = None
        fit_panels(figure)

    @property
    def marks(self) -> list[Any]:
        """Lines at the frame that is shown."""
        return [*self._at_energy, self._at_angle]

    def show(self, energy: int, angle: int) -> bool:
        """Show the tracks of an energy, and mark a frame; whether more than the marks changed."""
        anew = energy != self.energy
        if anew:
            self._show_energy(energy)
        at = float(self.tracks.angles_deg[energy, angle])
        self._at_angle.set_xdata([at, at])
        for line in self._at_energy:
            line.set_xdata([self.tracks.energies_ev[energy]] * 2)
        return anew

    def _show_energy(self, energy: int) -> None:
        axes, self.energy = self.panels[0], energy
        empty(axes)
        _draw_angles(axes, self.tracks, energy)
        title = f"{self.tracks.energies_ev[energy]:.2f} eV"
        axes.set_title(title, fontsize=9, loc="left", color=self.theme.text)  # beside the legend
        self._at_angle = axes.axvline(self.tracks.angles_deg[energy, 0], color="#e69f00", lw=1.2)
        for panel in self.panels:
            panel.tick_params(labelsize=_TICK_PT)
            for axis in (panel.xaxis, panel.yaxis):
                axis.label.set_fontsize(_TICK_PT)
        paint(self.figure, self.theme)
        for second in self._seconds:  # not among the axes of the figure
            second.yaxis.label.set(color=self.theme.text, fontsize=_TICK_PT)
            second.tick_params(colors=self.theme.text, labelsize=_TICK_PT)


def fit_panels(figure: Figure) -> None:
    """Leave the texts around the panels of the tracks the room they need, whatever the size of the figure.

    A layout that measures the texts takes as long as drawing them.

    Parameters
    ----------
    figure
        That of a `TracksDrawing`.
    """
    width, height = (72 * max(inches, 3.0) for inches in figure.get_size_inches())
    free = height - _ABOVE_PT - _BELOW_PT - sum(_GAPS_PT)
    top = height - _ABOVE_PT
    for axes, share, gap in zip(figure.axes, _SHARES, (*_GAPS_PT, 0), strict=True):
        high = free * share / sum(_SHARES)
        axes.set_position((_LEFT_PT / width, (top - high) / height, 1 - (_LEFT_PT + _RIGHT_PT) / width, high / height))
        top -= high + gap


def _draw_angles(axes: Axes, tracks: Tracks, energy: int) -> None:
    kept = tracks.kept[energy] & tracks.recorded[energy]
    order = np.argsort(tracks.angles_deg[energy][kept], kind="stable")
    angles = tracks.angles_deg[energy][kept][order]
    sigma = np.nan_to_num(tracks.sigma_px[energy][kept][order])
    for direction, (name, colour) in enumerate(_NAMES):
        shift = tracks.shift_px[energy, kept, direction][order]
        axes.errorbar(angles, shift, sigma, color=colour, marker=".", ms=4, lw=0.8, elinewidth=0.8, label=name)
    lost = tracks.angles_deg[energy][~tracks.kept[energy] & tracks.recorded[energy]]
    if lost.size:
        axes.plot(lost, np.zeros(lost.size), "x", color="#d55e00", ms=5, label="left out")
    axes.set(xlabel="angle (°)", ylabel="displacement (px)")
    above: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.0}
    axes.legend(frameon=False, fontsize=8, ncols=3, handlelength=1, **above)
    axes.margins(x=0.02, y=0.15)


def _draw_energies(axes: Axes, tracks: Tracks) -> None:
    """Median of the frames of every energy, and the range of nine tenths of them."""
    for direction, (name, colour) in enumerate(_NAMES):
        rows = [row[np.isfinite(row)] for row in tracks.shift_px[:, :, direction]]
        low, middle, high = np.array([np.percentile(row, (5, 50, 95)) if row.size else [np.nan] * 3 for row in rows]).T
        axes.plot(tracks.energies_ev, middle, "o-", color=colour, ms=3, lw=1, label=name)
        axes.fill_between(tracks.energies_ev, low, high, color=colour, alpha=0.25, lw=0)
    axes.set_ylabel("median (px)")


def _draw_errors(axes: Axes, tracks: Tracks) -> None:
    axes.plot(tracks.energies_ev, tracks.sigma_of_energies_px, "o-", color="#56b4e9", ms=3, lw=1)
    for energy_ev, lost in zip(tracks.energies_ev, tracks.n_left_out, strict=True):
        if lost:
            axes.annotate(f"−{lost}", (energy_ev, 0), color="#d55e00", fontsize=8, ha="center", va="bottom")
    axes.set(xlabel="photon energy (eV)", ylabel="std. error (px)")
    axes.set_ylim(bottom=0)


def _in_um(axes: Axes, pixel_um: float) -> Any:
    def um_from_px(px: Any) -> Any:
        return px * pixel_um

    def px_from_um(um: Any) -> Any:
        return um / pixel_um

    second = axes.secondary_yaxis("right", functions=(um_from_px, px_from_um))
    second.set_ylabel("(µm)")
    return second
