"""Chemistry without references: where the edge of every voxel rises and its white line stands, each with its error.

Nothing is divided by the edge step of a voxel before a shape is looked for: positions do not need it, and dividing by a
noisy number would only add to their error. A second opinion beside the phase fraction, and the first where no reference
is at hand.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.spectra.edge_normalisation import EdgeWindows, edge_step_weights, normalising_matrix
from xanesmap.spectra.elements import Window
from xanesmap.spectra.local_polynomial import LocalCurve, local_curve

FloatArray = NDArray[np.floating[Any]]

_BLOCK: Final = 2**14
_REACH_EV: Final = 7.0
"""Reach of the curves whose highest point is looked for: about the width of a white line."""
_LEAST_CURVATURE: Final = 4.0
"""Standard deviations by which the curvature at an extremum exceeds 0; nearer to it, noise decides where it is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EdgeMaps:
    """Features of every voxel's edge, `...` standing for the voxels; NaN where a feature is not found.

    Parameters
    ----------
    edge_step, edge_step_sigma
        `(...)` post-edge line minus pre-edge, both at the edge, in the unit of the spectra.
    half_height_ev, half_height_sigma_ev
        `(...)` energy at which the rise passes half the edge step, eV.
    steepest_ev, steepest_sigma_ev
        `(...)` energy of the largest derivative, eV.
    white_line_ev, white_line_sigma_ev
        `(...)` energy of the white line, eV.
    white_line_height, white_line_height_sigma
        `(...)` height of the white line above the pre-edge, in the unit of the spectra.
    edge_integral_ev, edge_integral_sigma_ev
        `(...)` edge energy by area: the end of the window of the rise minus the area under the spectrum within it per
        edge step, eV.
    """

    edge_step: FloatArray
    edge_step_sigma: FloatArray
    half_height_ev: FloatArray
    half_height_sigma_ev: FloatArray
    steepest_ev: FloatArray
    steepest_sigma_ev: FloatArray
    white_line_ev: FloatArray
    white_line_sigma_ev: FloatArray
    white_line_height: FloatArray
    white_line_height_sigma: FloatArray
    edge_integral_ev: FloatArray
    edge_integral_sigma_ev: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Measures:
    """Everything linear, as matrices from a spectrum.

    Parameters
    ----------
    step
        `(energy,)` weights of the edge step.
    half
        `(energy,)` weights of the level halfway between pre-edge and post-edge.
    level
        `(energy, energy)` matrix to the spectrum above its pre-edge.
    rise, slope, line
        Curves of the rise, of its slope, and of the white line.
    area
        `(energy,)` weights of the area above the pre-edge over the rise, eV.
    end_ev
        End of the window of the rise, eV.
    """

    step: FloatArray
    half: FloatArray
    level: FloatArray
    rise: LocalCurve
    slope: LocalCurve
    line: LocalCurve
    area: FloatArray
    end_ev: float


def edge_maps(
    spectra: NDArray[Any],
    energies_ev: ArrayLike,
    *,
    windows: EdgeWindows,
    rise_ev: Window,
    white_line_ev: Window,
    variance: ArrayLike,
) -> EdgeMaps:
    r"""Edge position and white line of every voxel.

    Parameters
    ----------
    spectra
        `(energy, ...)` spectra as they are, such as attenuation in 1/um.
    energies_ev
        `(energy,)` photon energies in eV, increasing.
    windows
        Edge energy and windows of pre-edge and post-edge; the pre-edge is a mean, the post-edge a line.
    rise_ev, white_line_ev
        Where the edge rises and where its white line is looked for, eV (`elements.Element`).
    variance
        `(energy,)` or `(energy, ...)` variance of every datum, in the unit of the spectra squared, independent between
        energies.

    Returns
    -------
    The maps. Curves are local cubics (`local_curve`), whose smoothing of a few eV moves positions by some tenths of an
    eV, in all voxels alike: compare them with those of references sampled at the same energies, not with a table.

    Raises
    ------
    DataError
        Too few energies in a window.

    Notes
    -----
    Errors are of first order. At the half-height the curve minus the level is a linear function g of the spectrum, so
    :math:`\sigma_E = \sqrt{\sum g^2 \mathrm{var}} / |c'|` with the slope c' of the curve; at an extremum of a curve
    it is the error of its derivative over the second derivative.

    References
    ----------
    Edge by area: G. Dräger, R. Frahm, G. Materlik, O. Brümmer, Phys. Stat. Sol. B 146, 287 (1988),
    doi:10.1002/pssb.2221460130; F. de Groot, A. Kotani, Core Level Spectroscopy of Solids, CRC Press (2008).
    """
    energies = np.asarray(energies_ev, dtype=np.float64)
    measures = _measures(energies, windows=windows, rise_ev=rise_ev, white_line_ev=white_line_ev)
    columns = np.asarray(spectra).reshape(energies.size, -1)
    sigma2 = np.asarray(variance, dtype=np.float64).reshape(energies.size, -1)
    found = np.empty((12, columns.shape[1]), np.float64)
    for start in range(0, columns.shape[1], _BLOCK):
        part = slice(start, start + _BLOCK)
        found[:, part] = _of_block(columns[:, part], sigma2 if sigma2.shape[1] == 1 else sigma2[:, part], measures)
    dtype = columns.dtype if columns.dtype in (np.float32, np.float64) else np.float64
    maps = found.reshape(12, *np.shape(spectra)[1:]).astype(dtype)
    return EdgeMaps(**dict(zip(EdgeMaps.__dataclass_fields__, maps, strict=True)))


def _measures(energies: FloatArray, *, windows: EdgeWindows, rise_ev: Window, white_line_ev: Window) -> _Measures:
    step = edge_step_weights(energies, windows=windows, kind="constant")
    level = normalising_matrix(energies, kind="constant", windows=windows)
    before = (np.eye(energies.size) - level)[0]
    rise = local_curve(energies, first_ev=rise_ev[0], last_ev=rise_ev[1])
    # trapezoids over the curve: its points are evenly spaced
    width = np.full(rise.energies_ev.size, rise.energies_ev[1] - rise.energies_ev[0])
    width[[0, -1]] /= 2
    return _Measures(
        step=step,
        half=before + step / 2,
        level=level,
        rise=rise,
        slope=local_curve(energies, first_ev=rise_ev[0], last_ev=rise_ev[1], reach_ev=_REACH_EV),
        line=local_curve(energies, first_ev=white_line_ev[0], last_ev=white_line_ev[1], reach_ev=_REACH_EV),
        area=(width @ rise.value) @ level,
        end_ev=float(rise.energies_ev[-1]),
    )


def _of_block(spectra: FloatArray, variance: FloatArray, measures: _Measures) -> FloatArray:
    """`(12, voxel)` maps in the order of `EdgeMaps`."""
    step, step_sigma = measures.step @ spectra, np.sqrt((measures.step**2) @ variance)
    usable = np.where(step > 0, step, np.nan)
    white, white_sigma, height, height_sigma = _white_line(spectra, variance, measures)
    rows = [
        usable,
        step_sigma,
        *_half_height(spectra, variance, measures),
        *_steepest(spectra, variance, measures.slope),
        white,
        white_sigma,
        height,
        height_sigma,
        *_edge_integral(spectra, variance, measures, usable),
    ]
    found = np.stack([np.broadcast_to(row, usable.shape) for row in rows])
    return np.asarray(np.where(np.isfinite(usable), found, np.nan))


def _half_height(spectra: FloatArray, variance: FloatArray, measures: _Measures) -> tuple[FloatArray, FloatArray]:
    """Last passage of the half level before the highest point of the rise."""
    curve = measures.rise
    above = curve.value @ spectra - measures.half @ spectra  # (point, voxel)
    n_points = len(above)
    before_top = np.arange(n_points)[:, np.newaxis] < above.argmax(axis=0)
    below = (above < 0) & before_top
    last = n_points - 1 - below[::-1].argmax(axis=0)
    last = np.where(below.any(axis=0), np.minimum(last, n_points - 2), 0)
    voxel = np.arange(above.shape[1])
    low, high = above[last, voxel], above[last + 1, voxel]
    spacing = curve.energies_ev[1] - curve.energies_ev[0]
    found = (low < 0) & (high >= 0)
    rise = np.where(found, high - low, np.nan)
    weights = curve.value - measures.half
    sigma = np.sqrt(_pick((weights**2), last, variance)) * spacing / rise
    return curve.energies_ev[last] - low / rise * spacing, sigma


def _steepest(spectra: FloatArray, variance: FloatArray, curve: LocalCurve) -> tuple[FloatArray, FloatArray]:
    position, sigma, _, _ = _extremum(curve.slope, spectra, variance, curve.energies_ev)
    return position, sigma


def _white_line(
    spectra: FloatArray, variance: FloatArray, measures: _Measures
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    weights = measures.line.value @ measures.level
    position, sigma, height, top = _extremum(weights, spectra, variance, measures.line.energies_ev)
    return position, sigma, height, np.sqrt(_pick(weights**2, top, variance))


def _edge_integral(
    spectra: FloatArray, variance: FloatArray, measures: _Measures, step: FloatArray
) -> tuple[FloatArray, FloatArray]:
    width = (measures.area @ spectra) / step
    # both area and step come from the same data: the error of a ratio A / S is that of (A - w S) / S
    own, mixed, steps = (measures.area**2, measures.area * measures.step, measures.step**2)
    squares = own @ variance - 2 * width * (mixed @ variance) + width**2 * (steps @ variance)
    return measures.end_ev - width, np.sqrt(np.maximum(squares, 0)) / step


def _extremum(
    weights: FloatArray, spectra: FloatArray, variance: FloatArray, energies_ev: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.intp]]:
    """Position, its error, height and nearest point of the highest point of a curve; NaN where noise decides."""
    values, spacing = weights @ spectra, energies_ev[1] - energies_ev[0]
    top = np.clip(values.argmax(axis=0), 1, len(values) - 2)
    slopes = np.gradient(weights, spacing, axis=0)
    bends = np.gradient(slopes, spacing, axis=0)
    voxel = np.arange(values.shape[1])
    slope, bend = (slopes @ spectra)[top, voxel], -(bends @ spectra)[top, voxel]
    clear = bend > _LEAST_CURVATURE * np.sqrt(_pick(bends**2, top, variance))
    bend = np.where(clear & (np.abs(slope) <= bend * spacing), bend, np.nan)
    position = energies_ev[top] + slope / bend
    sigma = np.sqrt(_pick(slopes**2, top, variance)) / bend
    return position, sigma, np.where(np.isfinite(bend), values[top, voxel], np.nan), top


def _pick(weights: FloatArray, point: NDArray[np.intp], variance: FloatArray) -> FloatArray:
    """Variance of a linear function that differs from voxel to voxel: row `point` of `weights` times the variance."""
    if variance.shape[1] == 1:
        return np.asarray((weights @ variance)[point, 0])
    return np.asarray(np.einsum("ve,ev->v", weights[point], variance))
