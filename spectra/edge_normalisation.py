"""Normalising the spectra of a scan as an alternative to fitting their background: one matrix for data and references.

Subtracting a line through the pre-edge and levelling the post-edge are linear in the spectrum, so they are a matrix
along the energies. Data and references go through the same one. That the fine structure of a phase reaches into the
windows (the mean of 7160 to 7192 eV is 1.03 for LiFePO4 and 0.98 for FePO4) then happens to both alike, and does not
bias the fraction. Dividing by the edge step would only scale a spectrum, which a fraction does not notice.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, assert_never

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]
BoolArray = NDArray[np.bool_]
Window = tuple[float, float]
Normalisation = Literal["none", "constant", "global-slope", "line"]
PostEdge = Literal["none", "line"]
Side = Literal["pre-edge", "post-edge"]

_SIDES: Final[tuple[Side, Side]] = ("pre-edge", "post-edge")

SHORTEST_PRE_EDGE_EV: Final = 20.0
"""Length in eV of a pre-edge below which a line per voxel is not advised: 14 eV quadruple the error of a fraction."""

FEWEST_FOR_LINE: Final = 4
"""Energies that a line per voxel is taken from at least: two that it takes, and two that tell its error."""

LARGEST_LINE_ERROR: Final = 8.0
"""Largest error of a continued line per voxel, in units of the noise of one energy. The 8 energies over 14 eV of a scan
of 2 eV steps, continued to 7192 eV, have 7.2, which quadruples the error of a fraction; three chosen energies have 9.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeWindows:
    """Where the lines are taken.

    Parameters
    ----------
    edge_ev
        Edge energy in eV: where lines are compared, and from where the post-edge line is levelled.
    pre_edge_ev, post_edge_ev
        First and last energy in eV; a scan need not fill them.
    """

    edge_ev: float
    pre_edge_ev: Window
    post_edge_ev: Window


def normalising_matrix(
    energies_ev: ArrayLike,
    *,
    kind: Normalisation,
    windows: EdgeWindows,
    post_edge: PostEdge = "none",
    total: ArrayLike | None = None,
) -> FloatArray:
    """Matrix that takes a raw spectrum to one without background.

    Parameters
    ----------
    energies_ev
        `(energy,)` photon energies in eV.
    kind
        "none": nothing is subtracted. "constant": the mean of the pre-edge. "global-slope": the mean of the pre-edge,
        continued with the relative slope of the `total` spectrum, which all voxels share. "line": a line through the
        pre-edge of every voxel.
    windows
        Where the lines are taken.
    post_edge
        "line" levels what is above the edge, by the slope of a line through the post-edge of every voxel.
    total
        `(energy,)` spectrum summed over the scan, in any unit; needed for "global-slope".

    Returns
    -------
    `(energy, energy)` matrix, unitless.

    Raises
    ------
    DataError
        Too few energies in a window for a line, a line per voxel that would be mostly noise where it is continued to
        (`LARGEST_LINE_ERROR`), or no total spectrum where one is needed.

    References
    ----------
    The flattened normalisation is that of B. Ravel, M. Newville, J. Synchrotron Rad. 12, 537 (2005),
    doi:10.1107/S0909049505012719.
    """
    energies = np.asarray(energies_ev, dtype=np.float64)
    if kind == "line":
        _require_firm_line(energies, windows, side="pre-edge", till_ev=energies.max())
    if post_edge == "line":
        _require_firm_line(energies, windows, side="post-edge", till_ev=windows.edge_ev)
    matrix = np.eye(energies.size) - _baseline(energies, kind=kind, windows=windows, total=total)
    if post_edge == "line":
        line = _line(energies, windows, side="post-edge")
        line -= _line(energies, windows, side="post-edge", at_ev=windows.edge_ev)
        above = (energies > windows.edge_ev)[:, np.newaxis]
        matrix = matrix - above * (line @ matrix)
    return np.asarray(matrix)


def edge_step_weights(
    energies_ev: ArrayLike, *, windows: EdgeWindows, kind: Literal["constant", "line"] = "line"
) -> FloatArray:
    """Weights of the edge step of a spectrum: the post-edge minus the pre-edge, both at the edge.

    Parameters
    ----------
    energies_ev
        `(energy,)` photon energies in eV.
    windows
        Where the lines are taken.
    kind
        "line" takes lines through both windows, "constant" their means: a line through the few tens of eV that a XANES
        scan goes beyond the edge follows the last oscillation instead of the step.

    Returns
    -------
    `(energy,)` weights; their product with a spectrum is its edge step, in its unit.

    Raises
    ------
    DataError
        Too few energies in a window.
    """
    energies = np.asarray(energies_ev, dtype=np.float64)
    if kind == "constant":
        before, after = (_mean(_inside(energies, windows, side=side)) for side in _SIDES)
    else:
        before, after = (_line(energies, windows, side=side, at_ev=windows.edge_ev)[0] for side in _SIDES)
    return np.asarray(after - before)


def normalisation_warning(energies_ev: ArrayLike, *, kind: Normalisation, windows: EdgeWindows) -> str | None:
    """What the windows of a scan cannot support, in a sentence; None where they can.

    Parameters
    ----------
    energies_ev
        `(energy,)` photon energies in eV.
    kind
        Normalisation asked for.
    windows
        Where the lines are taken.
    """
    if kind in ("none", "constant"):
        return None
    energies = np.asarray(energies_ev, dtype=np.float64)
    before = energies[_inside(energies, windows, side="pre-edge")]
    length = float(np.ptp(before)) if before.size else 0.0
    if length >= SHORTEST_PRE_EDGE_EV:
        return None
    whose = "of every voxel" if kind == "line" else "of the summed spectrum"
    return (
        f"Normalisation {kind!r} takes a slope {whose} from {length:.0f} eV of pre-edge ({before.size} energies); "
        f"under {SHORTEST_PRE_EDGE_EV:.0f} eV the slope is mostly noise. Use 'constant', or 'none' with a background."
    )


def _baseline(
    energies: FloatArray, *, kind: Normalisation, windows: EdgeWindows, total: ArrayLike | None
) -> FloatArray:
    """`(energy, energy)` matrix from a spectrum to what is subtracted."""
    match kind:
        case "none":
            return np.zeros((energies.size, energies.size))
        case "constant":
            return np.tile(_mean(_inside(energies, windows, side="pre-edge")), (energies.size, 1))
        case "line":
            return _line(energies, windows, side="pre-edge")
        case "global-slope":
            return _sloping(energies, windows, total=total)
        case _:
            assert_never(kind)


def _sloping(energies: FloatArray, windows: EdgeWindows, *, total: ArrayLike | None) -> FloatArray:
    if total is None:
        message = "a 'global-slope' normalisation needs the spectrum summed over the scan; give it, or use 'constant'."
        raise DataError(message)
    level = _mean(_inside(energies, windows, side="pre-edge"))
    common = _line(energies, windows, side="pre-edge") @ np.asarray(total, dtype=np.float64)
    mean = float(level @ np.asarray(total, dtype=np.float64))
    if not mean > 0:
        message = (
            f"the summed spectrum is {mean:.3g} before the edge, so it has no relative slope there; use 'constant' or "
            "'line'."
        )
        raise DataError(message)
    return np.asarray(np.outer(common / mean, level))


def _inside(energies: FloatArray, windows: EdgeWindows, *, side: Side) -> BoolArray:
    first, last = windows.pre_edge_ev if side == "pre-edge" else windows.post_edge_ev
    inside = (energies >= first) & (energies <= last)
    if not inside.any():
        message = (
            f"no energy of the scan ({energies.min():.1f} to {energies.max():.1f} eV) lies in the {side} window of "
            f"{first:.1f} to {last:.1f} eV; move the window, or fit a background column instead."
        )
        raise DataError(message)
    return np.asarray(inside)


def _mean(inside: BoolArray) -> FloatArray:
    return np.asarray(inside / np.count_nonzero(inside))


def _require_firm_line(energies: FloatArray, windows: EdgeWindows, *, side: Side, till_ev: float) -> None:
    """Refuse a line per voxel that noise decides where it is continued to."""
    used = energies[_inside(energies, windows, side=side)]
    # standard error of a line through data of unit noise, away from their middle
    spread = float(((used - used.mean()) ** 2).sum())
    far = abs(till_ev - float(used.mean()))
    error = np.sqrt(1 / used.size + far**2 / spread) if spread > 0 else np.inf
    if used.size >= FEWEST_FOR_LINE and error <= LARGEST_LINE_ERROR:
        return
    instead = "'constant', 'global-slope', or 'none' with a background" if side == "pre-edge" else "'none'"
    message = (
        f"a line per voxel through the {side} was asked for, and {used.size} energies over {np.ptp(used):.0f} eV lie "
        f"in its window ({used[0]:.1f} to {used[-1]:.1f} eV): continued to {till_ev:.1f} eV its error is {error:.1f} "
        f"times the noise of one energy. It takes {FEWEST_FOR_LINE} energies and an error of {LARGEST_LINE_ERROR:g} "
        f"times at most; use {instead}, or measure more of the {side}."
    )
    raise DataError(message)


def _line(energies: FloatArray, windows: EdgeWindows, *, side: Side, at_ev: float | None = None) -> FloatArray:
    """`(point, energy)` matrix from a spectrum to the line through a window, at all energies or at one."""
    inside = _inside(energies, windows, side=side)
    if np.count_nonzero(inside) < 2:
        message = (
            f"a line through the {side} takes two energies, and one ({energies[inside][0]:.1f} eV) lies in its window; "
            "widen the window, or use 'constant'."
        )
        raise DataError(message)
    distance = energies - windows.edge_ev
    powers = np.stack([np.ones_like(distance), distance], axis=1)  # (energy, 2)
    from_spectrum = np.zeros((2, energies.size))
    from_spectrum[:, inside] = np.linalg.pinv(powers[inside])
    wanted = powers if at_ev is None else np.array([[1.0, at_ev - windows.edge_ev]])
    return np.asarray(wanted @ from_spectrum)
