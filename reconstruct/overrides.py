"""What a user states in place of what the files record: energies, angles, pixel size, binning, times."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.acquisition import (
    EV_RANGE,
    LARGEST_BINNING,
    PIXEL_SIZE_NM_RANGE,
    angles_rad_from,
    binning_from,
)
from xanesmap.reconstruct.scan import CountArray, Frames, Tomogram

LATEST_TIME_S = 4_102_444_800.0
"""Begin of the year 2100, seconds since 1970: larger numbers are of another unit, such as ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Values that take the place of those in the files; None leaves what the files say.

    Attributes
    ----------
    energies_ev
        `(energy,)` photon energies in eV, in the order of the files and of the energies within each.
    angles_deg
        `(angle,)` rotation angles in degrees, the same for every energy.
    pixel_size_nm
        Pixel size in the sample in nm, the same for every energy.
    camera_binning
        Pixels of the camera added up along a row, the same for every energy; 1 for none.
    times_s
        `(energy,)` start of every energy, seconds since 1970, in the order of `energies_ev`.
    """

    energies_ev: NDArray[np.float64] | None = None
    angles_deg: NDArray[np.float64] | None = None
    pixel_size_nm: float | None = None
    camera_binning: int | None = None
    times_s: NDArray[np.float64] | None = None

    def angles_rad(self, *, n_projections: int, path: Path) -> NDArray[np.float64]:
        """Given angles in radians, for a file with so many projections.

        Parameters
        ----------
        n_projections
            Number of projections in the file.
        path
            The file, for messages.

        Raises
        ------
        DataError
            Another number of angles, or angles that make no tomogram.
        """
        degrees = np.empty(0) if self.angles_deg is None else self.angles_deg
        return angles_rad_from(degrees, n_projections=n_projections, name=f"angles_deg, given for {path},")


NO_OVERRIDES = Overrides()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedTomogram:
    """A tomogram with what the user stated of it; all else is as recorded."""

    recorded: Tomogram
    energy_ev: float
    angles_rad: NDArray[np.float64]
    pixel_size_nm: float | None
    binning: int | None
    time_s: float | None
    notes: tuple[str, ...]

    @property
    def source(self) -> Path:
        """File the tomogram is read from."""
        return self.recorded.source

    @property
    def n_rows(self) -> int:
        """Number of detector rows (axis v)."""
        return self.recorded.n_rows

    @property
    def n_columns(self) -> int:
        """Number of detector columns (axis u)."""
        return self.recorded.n_columns

    @property
    def n_flats(self) -> int:
        """Number of flat frames."""
        return self.recorded.n_flats

    @property
    def n_darks(self) -> int:
        """Number of dark frames."""
        return self.recorded.n_darks

    def read_rows(self, start: int, stop: int) -> Frames:
        """Read detector rows start to stop - 1 of all projections, flats and darks; safe in threads."""
        return self.recorded.read_rows(start, stop)

    def read_references(self) -> tuple[CountArray, CountArray]:
        """Read the flats `(flat, v, u)` and darks `(dark, v, u)` of the whole detector."""
        return self.recorded.read_references()

    def read_projection(self, index: int) -> CountArray:
        """Read one raw projection, `(v, u)`."""
        return self.recorded.read_projection(index)


def check_overrides(
    *,
    energies_ev: ArrayLike | None = None,
    angles_deg: ArrayLike | None = None,
    pixel_size_nm: float | None = None,
    camera_binning: int | None = None,
    times_s: ArrayLike | None = None,
) -> Overrides:
    """Overrides from plain numbers, refused where they have another unit.

    Parameters
    ----------
    energies_ev
        Photon energies in eV, 1000 to 60000.
    angles_deg
        Rotation angles in degrees.
    pixel_size_nm
        Pixel size in nm, 1 to 20000.
    camera_binning
        Pixels of the camera added up along a row, 1 to 64.
    times_s
        Start of every energy, seconds since 1970, up to the year 2100.

    Raises
    ------
    DataError
        Numbers that cannot be in these units.
    """
    stated = (energies_ev, angles_deg, pixel_size_nm, camera_binning, times_s)
    if all(value is None for value in stated):
        return NO_OVERRIDES
    return Overrides(
        energies_ev=None if energies_ev is None else _energies(energies_ev),
        angles_deg=None if angles_deg is None else _list_of(angles_deg, "angles_deg"),
        pixel_size_nm=None if pixel_size_nm is None else _pixel_size(pixel_size_nm),
        camera_binning=None if camera_binning is None else _binning(camera_binning),
        times_s=None if times_s is None else _times(times_s),
    )


def _energies(stated: ArrayLike) -> NDArray[np.float64]:
    energies = _list_of(stated, "energies_ev")
    if not np.all((energies >= EV_RANGE[0]) & (energies <= EV_RANGE[1])):
        message = f"energies_ev has {energies.min():g} to {energies.max():g}; energies of {EV_RANGE[0]:g} to "
        message += f"{EV_RANGE[1]:g} eV are expected. Give them in eV."
        raise DataError(message)
    return energies


def _pixel_size(stated: float) -> float:
    if not PIXEL_SIZE_NM_RANGE[0] <= stated <= PIXEL_SIZE_NM_RANGE[1]:
        message = f"pixel_size_nm is {stated:g}; {PIXEL_SIZE_NM_RANGE[0]:g} to {PIXEL_SIZE_NM_RANGE[1]:g} nm "
        message += "are expected. Give it in nm."
        raise DataError(message)
    return stated


def _binning(stated: int) -> int:
    binning = binning_from(stated)
    if binning is None:
        message = f"camera_binning is {stated}; a whole number of pixels from 1 to {LARGEST_BINNING} is expected."
        raise DataError(message)
    return binning


def _times(stated: ArrayLike) -> NDArray[np.float64]:
    times = _list_of(stated, "times_s")
    if not np.all((times > 0) & (times < LATEST_TIME_S)):
        message = f"times_s has {times.min():g} to {times.max():g}; seconds since 1970, up to the year 2100, are "
        message += "expected. Give them in seconds."
        raise DataError(message)
    return times


def apply_overrides(tomograms: Sequence[Tomogram], overrides: Overrides) -> Sequence[Tomogram]:
    """Tomograms with what a user stated, each with notes that say so.

    Parameters
    ----------
    tomograms
        Tomograms in recorded order.
    overrides
        What the user gave.

    Raises
    ------
    DataError
        Another number of energies or times than tomograms, or of angles than projections.
    """
    if overrides is NO_OVERRIDES:
        return tomograms
    _require_as_many(tomograms, overrides.energies_ev, "energies_ev", "energies")
    _require_as_many(tomograms, overrides.times_s, "times_s", "times")
    return [_state(tomogram, index, overrides) for index, tomogram in enumerate(tomograms)]


def _state(tomogram: Tomogram, index: int, overrides: Overrides) -> StatedTomogram:
    angles, given = tomogram.angles_rad, []
    if overrides.energies_ev is not None:
        given.append("The energy was given by the user.")
    if overrides.angles_deg is not None:
        angles = overrides.angles_rad(n_projections=angles.size, path=tomogram.source)
        given.append("The angles were given by the user.")
    if overrides.pixel_size_nm is not None:
        given.append(f"The pixel size, {overrides.pixel_size_nm:g} nm, was given by the user.")
    if overrides.camera_binning is not None:
        given.append(f"The binning of the camera, {overrides.camera_binning}, was given by the user.")
    if overrides.times_s is not None:
        given.append("The time was given by the user.")
    return StatedTomogram(
        recorded=tomogram,
        energy_ev=tomogram.energy_ev if overrides.energies_ev is None else float(overrides.energies_ev[index]),
        angles_rad=angles,
        pixel_size_nm=overrides.pixel_size_nm or tomogram.pixel_size_nm,
        binning=overrides.camera_binning or tomogram.binning,
        time_s=tomogram.time_s if overrides.times_s is None else float(overrides.times_s[index]),
        notes=(*tomogram.notes, *given),
    )


def _list_of(values: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"{name} must be a list of numbers; found {values!r}."
        raise DataError(message) from error
    if numbers.ndim != 1 or not numbers.size or not np.all(np.isfinite(numbers)):
        message = f"{name} must be a list of finite numbers; found {values!r}."
        raise DataError(message)
    return numbers


def _require_as_many(tomograms: Sequence[Tomogram], stated: NDArray[np.float64] | None, name: str, what: str) -> None:
    if stated is not None and len(tomograms) != stated.size:
        message = (
            f"{name} gives {stated.size} {what} for {len(tomograms)} tomograms, {tomograms[0].source.name} "
            f"to {tomograms[-1].source.name}. Give one for each, in the order of the numbers in the file names."
        )
        raise DataError(message)
