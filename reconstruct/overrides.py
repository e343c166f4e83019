"""What a user states in place of what the files record: energies, angles, pixel size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.acquisition import EV_RANGE, PIXEL_SIZE_NM_RANGE, angles_rad_from
from xanesmap.reconstruct.scan import CountArray, Frames, Tomogram


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
    """

    energies_ev: NDArray[np.float64] | None = None
    angles_deg: NDArray[np.float64] | None = None
    pixel_size_nm: float | None = None

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
    """A tomogram with energy, angles or pixel size as the user stated them; all else is as recorded."""

    recorded: Tomogram
    energy_ev: float
    angles_rad: NDArray[np.float64]
    pixel_size_nm: float | None
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

    @property
    def time_s(self) -> float | None:
        """Start of the tomogram, seconds since 1970, or None."""
        return self.recorded.time_s

    @property
    def binning(self) -> int | None:
        """Pixels of the camera added up along a row, or None."""
        return self.recorded.binning

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

    Raises
    ------
    DataError
        Numbers that cannot be in these units.
    """
    if energies_ev is None and angles_deg is None and pixel_size_nm is None:
        return NO_OVERRIDES
    energies = None if energies_ev is None else _list_of(energies_ev, "energies_ev")
    if energies is not None and not np.all((energies >= EV_RANGE[0]) & (energies <= EV_RANGE[1])):
        message = f"energies_ev has {energies.min():g} to {energies.max():g}; energies of {EV_RANGE[0]:g} to "
        message += f"{EV_RANGE[1]:g} eV are expected. Give them in eV."
        raise DataError(message)
    if pixel_size_nm is not None and not PIXEL_SIZE_NM_RANGE[0] <= pixel_size_nm <= PIXEL_SIZE_NM_RANGE[1]:
        message = f"pixel_size_nm is {pixel_size_nm:g}; {PIXEL_SIZE_NM_RANGE[0]:g} to {PIXEL_SIZE_NM_RANGE[1]:g} nm "
        message += "are expected. Give it in nm."
        raise DataError(message)
    angles = None if angles_deg is None else _list_of(angles_deg, "angles_deg")
    return Overrides(energies_ev=energies, angles_deg=angles, pixel_size_nm=pixel_size_nm)


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
        Another number of energies than tomograms, or of angles than projections.
    """
    if overrides is NO_OVERRIDES:
        return tomograms
    energies = overrides.energies_ev
    if energies is None:
        energies = np.array([tomogram.energy_ev for tomogram in tomograms])
    _require_as_many(tomograms, energies)
    return [_state(tomogram, float(ev), overrides) for tomogram, ev in zip(tomograms, energies, strict=True)]


def _state(tomogram: Tomogram, energy_ev: float, overrides: Overrides) -> StatedTomogram:
    angles, size, notes = tomogram.angles_rad, tomogram.pixel_size_nm, list(tomogram.notes)
    if overrides.energies_ev is not None:
        notes.append("The energy was given by the user.")
    if overrides.angles_deg is not None:
        angles = overrides.angles_rad(n_projections=angles.size, path=tomogram.source)
        notes.append("The angles were given by the user.")
    if overrides.pixel_size_nm is not None:
        size = overrides.pixel_size_nm
        notes.append(f"The pixel size, {size:g} nm, was given by the user.")
    return StatedTomogram(
        recorded=tomogram, energy_ev=energy_ev, angles_rad=angles, pixel_size_nm=size, notes=tuple(notes)
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


def _require_as_many(tomograms: Sequence[Tomogram], energies_ev: NDArray[np.float64]) -> None:
    if len(tomograms) != energies_ev.size:
        message = (
            f"energies_ev gives {energies_ev.size} energies for {len(tomograms)} tomograms, {tomograms[0].source.name} "
            f"to {tomograms[-1].source.name}. Give one for each, in the order of the numbers in the file names."
        )
        raise DataError(message)
