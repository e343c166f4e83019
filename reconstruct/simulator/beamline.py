"""A full-field X-ray microscope in software: line integrals of an object to detector counts.

The object is projected once per phase. Every photon energy mixes those line integrals by Beer-Lambert's law,

    p(E) = sum_k mu_k(E) L_k,        T = exp(-p),

and the detector counts photons: Poisson noise of the photons, gain, read noise, dark offset, 16 bits.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy import ndimage

from xanesmap.errors import DataError
from xanesmap.reconstruct.fourier import FourierEngine
from xanesmap.reconstruct.scan import Frames
from xanesmap.reconstruct.simulator.disturbances import Disturbances, Drawn, fixed_pattern, stream
from xanesmap.reconstruct.simulator.optics import place_image, spline_coefficients

FloatArray = NDArray[np.floating[Any]]

FULL_SCALE_ADU = 65535
MEAN_FLAT_ADU = 30000.0
SPECKLE_LENGTH_PX = 2.0
ZINGER_PHOTONS = (0.5, 20.0)  # range, in photons of a flat pixel, which a hit adds
HOT_PHOTONS = (0.1, 2.0)  # range, in photons of a flat pixel, of the dark signal of a hot pixel


class Beamline(BaseModel):
    """Source and detector; without disturbances nothing but noise separates its frames from the truth."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    photons: float = Field(default=2e4, gt=0, le=1e6)
    """Photons per detector pixel and frame without the sample, mean over the detector."""
    gain_adu_per_photon: float | None = Field(default=None, gt=0)
    """Counts per photon; None: as many as bring the mean flat to 30000 counts, 1.5 at 2e4 photons."""
    read_noise_adu: float = Field(default=5.0, ge=0)
    """Standard deviation of the noise of reading a pixel, counts."""
    dark_offset_adu: float = Field(default=100.0, ge=0)
    """Counts of a pixel without light."""
    n_flats: int = Field(default=20, ge=1)
    """Frames without the sample at every energy."""
    n_darks: int = Field(default=10, ge=1)
    """Frames without the beam at every energy."""
    illumination_gradient_relative: float = Field(default=0.15, ge=0, lt=0.5)
    """Largest slow change of the illumination over the detector, over its mean."""
    illumination_speckle_relative: float = Field(default=0.05, ge=0, lt=0.2)
    """Rms of the fine structure of the illumination, over its mean."""

    @model_validator(mode="after")
    def _flats_do_not_saturate(self) -> Self:
        mean = self.photons * self.gain + self.dark_offset_adu
        if mean > FULL_SCALE_ADU / 1.3:  # the brightest pixels lie about 30 % above the mean
            message = (
                f"flats of {mean:.0f} counts would saturate at {FULL_SCALE_ADU}: "
                "lower gain_adu_per_photon, or leave it out"
            )
            raise ValueError(message)
        return self

    @property
    def gain(self) -> float:
        """Counts per photon."""
        return self.gain_adu_per_photon or MEAN_FLAT_ADU / self.photons


@dataclass(frozen=True, slots=True, kw_only=True)
class LineIntegrals:
    """Line integrals of each phase on the fine grid, ready to be imaged.

    Attributes
    ----------
    coefficients
        `(phase, angle, s v, s u)` float32 spline coefficients (see optics), um of dense phase along the ray.
    supersampling
        Fine pixels per detector pixel along each axis, `s`.
    """

    coefficients: FloatArray
    supersampling: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A beamline with its illumination, its hot pixels and all that goes wrong, drawn for one scan.

    Attributes
    ----------
    beamline
        Source and detector.
    disturbances
        Sizes of the disturbances.
    drawn
        Values which they took, frame by frame.
    illumination
        `(v, u)` relative intensity, mean 1.
    hot_photons
        `(v, u)` dark signal of hot pixels, photons per frame; 0 elsewhere.
    seed
        Seed of the scan.
    """

    beamline: Beamline
    disturbances: Disturbances
    drawn: Drawn
    illumination: FloatArray
    hot_photons: FloatArray
    seed: int


def project_phases(
    fine: FloatArray, angles_rad: FloatArray, *, supersampling: int, pixel_size_um: float
) -> LineIntegrals:
    """Line integrals of each phase at each angle, by non-uniform Fourier transform.

    Fine pixel `j` lies at `(j + 1/2)/s - 1/2` detector pixels, so the middle of the fine grid, `(s n - 1)/2`,
    about which it is rotated here, is that of the detector, `(n - 1)/2`: the axis of the house convention.

    Parameters
    ----------
    fine
        `(phase, s z, s n, s n)` occupancy (volume fraction times relative density) of each phase.
    angles_rad
        `(angle,)` radians; the ray through (X, Y) from the axis meets the detector at X cos t - Y sin t.
    supersampling
        Fine voxels per detector pixel, `s`.
    pixel_size_um
        Detector pixel in the sample, um.

    Returns
    -------
    LineIntegrals

    Raises
    ------
    DataError
        If slices are not square: as many columns as the detector.
    """
    n_phases, n_v, n_y, n_x = fine.shape
    if n_y != n_x:
        message = (
            f"slices of {n_y} x {n_x} fine voxels cannot be projected: "
            "make the phantom as deep as it is wide, (n_z, n, n)"
        )
        raise DataError(message)
    coefficients = np.empty((n_phases, len(angles_rad), n_v, n_x), dtype=np.float32)
    engine = FourierEngine()
    for phase, volume in enumerate(fine):
        rays = engine.project(volume, angles_rad, centre=(n_x - 1) / 2)  # (v, angle, u), fine pixels
        coefficients[phase] = spline_coefficients(rays.transpose(1, 0, 2))
    coefficients *= np.float32(pixel_size_um / supersampling)
    return LineIntegrals(coefficients=coefficients, supersampling=supersampling)


def image_phases(lines: LineIntegrals, *, shift_px: FloatArray, magnification: float) -> FloatArray:
    """Line integrals of each phase as the detector would see them at one energy.

    Parameters
    ----------
    lines
        Line integrals of each phase on the fine grid.
    shift_px
        `(angle, 2)` displacement (v, u) of each frame, that of the rotation axis included, pixels.
    magnification
        Relative to the undisturbed image, about the middle of the detector.

    Returns
    -------
    `(phase, angle, v, u)` float32, um of dense phase; mean over each pixel.
    """
    frames = [
        place_image(
            lines.coefficients[:, angle],
            supersampling=lines.supersampling,
            shift_px=(float(v), float(u)),
            magnification=magnification,
        )
        for angle, (v, u) in enumerate(shift_px)
    ]
    return np.stack(frames, axis=1)


def optical_depth(images: FloatArray, attenuation_per_um: FloatArray) -> FloatArray:
    """Optical depth at one photon energy: Beer-Lambert's `p = sum_k mu_k L_k`.

    Parameters
    ----------
    images
        `(phase, angle, v, u)` line integrals of each phase, um.
    attenuation_per_um
        `(phase,)` linear attenuation of each dense phase, 1/um.

    Returns
    -------
    `(angle, v, u)` float32, unitless.
    """
    depth: FloatArray = np.tensordot(np.asarray(attenuation_per_um, dtype=np.float32), images, axes=1)
    return depth


def set_up(
    beamline: Beamline,
    disturbances: Disturbances,
    drawn: Drawn,
    *,
    shape: tuple[int, int],
    seed: int,
) -> Instrument:
    """Instrument of one scan: its illumination and its hot pixels stay the same at all energies.

    Parameters
    ----------
    beamline
        Source and detector.
    disturbances
        Sizes of the disturbances.
    drawn
        Values which they took.
    shape
        `(v, u)` of the detector.
    seed
        Seed of the scan.

    Returns
    -------
    Instrument
    """
    return Instrument(
        beamline=beamline,
        disturbances=disturbances,
        drawn=drawn,
        illumination=_illumination(beamline, shape, stream(seed, "illumination")),
        hot_photons=_hot_photons(disturbances, beamline, shape, stream(seed, "hot pixels")),
        seed=seed,
    )


def expose_tomogram(depth: FloatArray, *, instrument: Instrument, energy_index: int) -> Frames:
    """Record one tomogram with its flats and darks.

    Parameters
    ----------
    depth
        `(angle, v, u)` optical depth of the sample, unitless.
    instrument
        Beamline, disturbances and drawn values.
    energy_index
        Number of the energy; selects the lamp, the fixed pattern and the noise.

    Returns
    -------
    Frames
        uint16 counts.
    """
    drawn, wrong = instrument.drawn, instrument.disturbances
    rng = stream(instrument.seed, "counts", energy_index)
    pattern = fixed_pattern(
        depth.shape[1:],
        relative=wrong.fixed_pattern_relative,
        seed=instrument.seed,
        energy_index=energy_index,
    )
    transmission = (np.exp(-depth) + wrong.harmonic_fraction) / (1.0 + wrong.harmonic_fraction)
    transmission *= (instrument.illumination * pattern).astype(np.float32)
    transmission *= drawn.lamp[energy_index].astype(np.float32)[:, None, None]
    flats = instrument.illumination * drawn.lamp_flats[energy_index][:, None, None]
    darks = np.zeros((instrument.beamline.n_darks, *depth.shape[1:]))
    return Frames(
        projections=_count(transmission, instrument, rng),
        flats=_count(flats, instrument, rng),
        darks=_count(darks, instrument, rng),
    )


def _count(intensity: FloatArray, instrument: Instrument, rng: np.random.Generator) -> NDArray[np.uint16]:
    """(frame, v, u) intensity relative to the mean flat to counts."""
    beamline = instrument.beamline
    expected = np.maximum(intensity, 0.0) * beamline.photons + instrument.hot_photons
    _add_zingers(expected, instrument, rng)
    counts = rng.poisson(expected).astype(np.float32)
    counts *= np.float32(beamline.gain)
    counts += np.float32(beamline.read_noise_adu) * rng.standard_normal(counts.shape, dtype=np.float32)
    counts += np.float32(beamline.dark_offset_adu)
    return np.clip(np.rint(counts), 0, FULL_SCALE_ADU).astype(np.uint16)


def _add_zingers(photons: FloatArray, instrument: Instrument, rng: np.random.Generator) -> None:
    """Add stray hits, in place, at random pixels of random frames."""
    number = rng.poisson(instrument.disturbances.zinger_rate * photons.size)
    hit = rng.integers(0, photons.size, number)
    np.add.at(photons.reshape(-1), hit, rng.uniform(*ZINGER_PHOTONS, number) * instrument.beamline.photons)


def _illumination(beamline: Beamline, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """(v, u) slow gradient times fine structure, mean 1."""
    v, u = np.meshgrid(*(np.linspace(-1.0, 1.0, n) for n in shape), indexing="ij")
    direction = rng.uniform(0.0, 2 * np.pi)
    slope = (v * np.sin(direction) + u * np.cos(direction)) / (abs(np.sin(direction)) + abs(np.cos(direction)))
    slow = 1.0 + beamline.illumination_gradient_relative * (0.7 * slope - 0.3 * (v**2 + u**2) / 2)
    speckle = ndimage.gaussian_filter(rng.standard_normal(shape), SPECKLE_LENGTH_PX, mode="wrap")
    fine = 1.0 + beamline.illumination_speckle_relative * np.clip(speckle / speckle.std(), -4.0, 4.0)
    light = slow * fine
    relative: FloatArray = light / light.mean()
    return relative


def _hot_photons(
    disturbances: Disturbances, beamline: Beamline, shape: tuple[int, int], rng: np.random.Generator
) -> FloatArray:
    hot = rng.random(shape) < disturbances.hot_pixel_rate
    low, high = np.log(HOT_PHOTONS)
    signal = np.exp(rng.uniform(float(low), float(high), shape)) * beamline.photons
    return np.where(hot, signal, 0.0)
