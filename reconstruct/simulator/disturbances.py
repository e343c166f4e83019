"""What goes wrong in a real scan, each with its size, and the exact values drawn for one simulated scan."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy import ndimage

FloatArray = NDArray[np.floating[Any]]

RUN_OUT_HARMONICS = range(2, 7)  # the first harmonic in u only moves the object, so it is no disturbance
PATTERN_LENGTH_PX = 1.0


class Disturbances(BaseModel):
    """Sizes of all disturbances; the default is a perfect instrument with counting noise only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    jitter_px: float = Field(default=0.0, ge=0)
    """Random displacement of every frame, in v and in u: standard deviation, pixels."""
    drift_px: float = Field(default=0.0, ge=0)
    """Smooth displacement over the energies, in v and in u: difference between its extremes, pixels."""
    run_out_px: float = Field(default=0.0, ge=0)
    """Displacement depending on the angle, the same at every energy, v and u: rms over a turn, pixels."""
    magnification_reference_ev: float | None = Field(default=None, gt=0)
    """Energy, eV, at which the magnification is 1 when it falls as 1/E; None: the same at all energies."""
    centre_shift_px: float = Field(default=0.0, ge=0)
    """Displacement in u of the rotation axis, drawn uniformly for every energy: its largest size, pixels."""
    fixed_pattern_relative: float = Field(default=0.0, ge=0, lt=0.2)
    """Illumination of the projections over that of the flats, less 1: rms over the detector."""
    energy_offset_ev: float = Field(default=0.0, gt=-50, lt=50)
    """What must be added to the recorded energies to have the true ones, eV."""
    energy_jitter_ev: float = Field(default=0.0, ge=0, le=5)
    """Random error of every energy on top of the offset: standard deviation, eV."""
    lamp_decay_relative: float = Field(default=0.0, ge=0, lt=1)
    """Part of the intensity lost linearly between the first frame of the scan and the last."""
    lamp_flicker_relative: float = Field(default=0.0, ge=0, le=0.2)
    """Random change of the intensity from frame to frame, flats too: standard deviation."""
    missing_wedge_deg: float = Field(default=0.0, ge=0, lt=180)
    """Range of angles which could not be measured, half of it at each end of the rotation, degrees."""
    harmonic_fraction: float = Field(default=0.0, ge=0, lt=1)
    """Intensity which passes the sample unattenuated, `h` in `(T + h) / (1 + h)`."""
    zinger_rate: float = Field(default=0.0, ge=0, le=0.1)
    """Hits of stray radiation per pixel and frame."""
    hot_pixel_rate: float = Field(default=0.0, ge=0, le=0.1)
    """Part of the pixels with a large dark current, the same pixels in all frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The values which the disturbances took in one scan.

    Attributes
    ----------
    energies_ev
        `(energy,)` true photon energies, eV.
    shift_px
        `(energy, angle, 2)` displacement (v, u) of every frame, pixels, without that of the rotation axis.
    centre_px
        `(energy,)` detector column of the rotation axis in an otherwise undisturbed frame, pixels.
    magnification
        `(energy,)` relative to the undisturbed image.
    lamp
        `(energy, angle)` intensity of every projection relative to the start of the scan without flicker.
    lamp_flats
        `(energy, flat)` the same for the flats, which follow the projections of their energy.
    """

    energies_ev: FloatArray
    shift_px: FloatArray
    centre_px: FloatArray
    magnification: FloatArray
    lamp: FloatArray
    lamp_flats: FloatArray


def stream(seed: int, purpose: str, *index: int) -> np.random.Generator:
    """Random numbers for one purpose: switching one disturbance on leaves the draws of the others alone.

    Parameters
    ----------
    seed
        Seed of the scan.
    purpose
        Name of what is drawn.
    index
        Further numbers, such as that of the energy.

    Returns
    -------
    numpy.random.Generator
    """
    # The number of indices keeps () and (0,) apart: numpy pads seeds with zeros.
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), len(index), *index])


def draw_disturbances(
    disturbances: Disturbances,
    *,
    energies_ev: Sequence[float],
    angles_rad: FloatArray,
    n_columns: int,
    n_flats: int,
    seed: int,
) -> Drawn:
    """Draw every disturbance which acts on a whole frame.

    Parameters
    ----------
    disturbances
        Their sizes.
    energies_ev
        `(energy,)` recorded photon energies, eV.
    angles_rad
        `(angle,)` angles measured, radians.
    n_columns
        Detector columns.
    n_flats
        Flats per energy.
    seed
        Same seed, same values.

    Returns
    -------
    Drawn
    """
    recorded = np.asarray(energies_ev, dtype=np.float64)
    true = recorded + disturbances.energy_offset_ev
    true += disturbances.energy_jitter_ev * stream(seed, "energy").standard_normal(recorded.size)
    centre = stream(seed, "centre").uniform(-1.0, 1.0, recorded.size) * disturbances.centre_shift_px
    lamp = _lamp(disturbances, (recorded.size, angles_rad.size + n_flats), seed)
    return Drawn(
        energies_ev=true,
        shift_px=_shifts(disturbances, recorded.size, angles_rad, seed),
        centre_px=(n_columns - 1) / 2 + centre,
        magnification=magnification_at(true, reference_ev=disturbances.magnification_reference_ev),
        lamp=lamp[:, : angles_rad.size],
        lamp_flats=lamp[:, angles_rad.size :],
    )


def magnification_at(energies_ev: FloatArray, *, reference_ev: float | None) -> FloatArray:
    """Magnification of a zone plate with the detector at rest, relative to that at a reference energy.

    The focal length of a zone plate is proportional to the photon energy, so with the detector at rest the
    magnification falls as 1/E (where it is far above 1) and a pixel covers more of the sample.

    Parameters
    ----------
    energies_ev
        `(energy,)` true photon energies, eV.
    reference_ev
        Energy of magnification 1, eV; None for a microscope which keeps its magnification.

    Returns
    -------
    `(energy,)` magnification, unitless.

    References
    ----------
    Attwood, Soft X-Rays and Extreme Ultraviolet Radiation (1999), chapter 9, doi:10.1017/CBO9781139164429.
    """
    if reference_ev is None:
        return np.ones_like(energies_ev)
    magnification: FloatArray = reference_ev / energies_ev
    return magnification


def measured_angles(
    angles_deg: FloatArray, *, start_deg: float, range_deg: float, missing_wedge_deg: float
) -> FloatArray:
    """Angles left when both ends of the rotation are blocked.

    Parameters
    ----------
    angles_deg
        `(angle,)` angles of the full rotation, degrees.
    start_deg
        Where the rotation starts, degrees.
    range_deg
        Range of the rotation, its end included, degrees.
    missing_wedge_deg
        Range which is missing, half of it at each end, degrees.

    Returns
    -------
    `(angle,)` angles that remain, degrees.
    """
    low = start_deg + missing_wedge_deg / 2
    high = start_deg + range_deg - missing_wedge_deg / 2
    left: FloatArray = angles_deg[(angles_deg >= low) & (angles_deg <= high)]
    return left


def fixed_pattern(shape: tuple[int, int], *, relative: float, seed: int, energy_index: int) -> FloatArray:
    """Illumination of the projections over that of the flats.

    Half of the variance is common to all energies, half belongs to this one: speckles of the condenser move a
    little between any two exposures.

    Parameters
    ----------
    shape
        `(v, u)` of the detector.
    relative
        Rms of the ratio less 1.
    seed
        Seed of the scan.
    energy_index
        Number of the energy.

    Returns
    -------
    `(v, u)` ratio, mean 1.
    """
    common = _unit_speckle(shape, PATTERN_LENGTH_PX, stream(seed, "pattern"))
    own = _unit_speckle(shape, PATTERN_LENGTH_PX, stream(seed, "pattern", energy_index))
    ratio: FloatArray = 1.0 + relative * np.sqrt(0.5) * (common + own)
    return ratio


def _unit_speckle(shape: tuple[int, int], length_px: float, rng: np.random.Generator) -> FloatArray:
    """Smooth random field of mean 0 and standard deviation 1."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), length_px, mode="wrap")
    field -= field.mean()
    unit: FloatArray = field / field.std()
    return unit


def _shifts(disturbances: Disturbances, n_energies: int, angles_rad: FloatArray, seed: int) -> FloatArray:
    jitter = stream(seed, "jitter").standard_normal((n_energies, angles_rad.size, 2)) * disturbances.jitter_px
    drift = _smooth_drift(n_energies, stream(seed, "drift")) * disturbances.drift_px  # (energy, 2)
    run_out = _run_out(angles_rad, stream(seed, "run-out")) * disturbances.run_out_px  # (angle, 2)
    shifts: FloatArray = jitter + drift[:, None] + run_out[None]
    return shifts


def _smooth_drift(n_energies: int, rng: np.random.Generator) -> FloatArray:
    """(energy, 2) smooth curves between -1/2 and 1/2, both of which they reach; 0 for a single energy."""
    if n_energies == 1:
        return np.zeros((1, 2))
    time = np.linspace(0.0, 1.0, n_energies)[:, None, None]
    slow = np.arange(1, 4)[:, None]  # half periods over the scan
    amplitude, phase = rng.standard_normal((3, 2)) / slow, rng.uniform(0.0, 2 * np.pi, (3, 2))
    curve = (amplitude * np.cos(np.pi * slow * time + phase)).sum(axis=1)  # (energy, 2)
    curve -= (curve.max(axis=0) + curve.min(axis=0)) / 2
    drift: FloatArray = curve / np.ptp(curve, axis=0)
    return drift


def _run_out(angles_rad: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(angle, 2) curves of rms 1 over a full turn."""
    orders = np.asarray(RUN_OUT_HARMONICS)[:, None]
    amplitude = rng.standard_normal((orders.size, 2))
    amplitude *= np.sqrt(2) / np.linalg.norm(amplitude, axis=0)  # a cosine has a mean square of 1/2
    phase = rng.uniform(0.0, 2 * np.pi, (orders.size, 2))
    curve: FloatArray = (amplitude * np.cos(orders * angles_rad[:, None, None] + phase)).sum(axis=1)
    return curve


def _lamp(disturbances: Disturbances, shape: tuple[int, int], seed: int) -> FloatArray:
    """(energy, frame) intensities in the order of recording, row by row."""
    elapsed = np.linspace(0.0, 1.0, shape[0] * shape[1]).reshape(shape)
    flicker = stream(seed, "flicker").standard_normal(shape) * disturbances.lamp_flicker_relative
    lamp: FloatArray = (1.0 - disturbances.lamp_decay_relative * elapsed) * np.maximum(1.0 + flicker, 0.0)
    return lamp
