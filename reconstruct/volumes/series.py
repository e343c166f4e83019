"""Volumes of one sample at several photon energies, read slice by slice, wherever they are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.overrides import Overrides
from xanesmap.reconstruct.scan import DUPLICATE_EV
from xanesmap.reconstruct.volumes.units import AttenuationUnit

Shape = tuple[int, int, int]


class Volume(Protocol):
    """One reconstructed volume in a file."""

    @property
    def source(self) -> Path:
        """File or folder of the volume."""

    @property
    def shape(self) -> Shape:
        """Slices, rows and columns."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that identify the volume: all of them, or the first and the last of a folder of slices."""

    def read_slices(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read slices `start` to `stop - 1`, `(z, y, x)`; safe in threads."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VolumeSeries:
    """Volumes of one sample at increasing photon energy.

    Attributes
    ----------
    volumes
        One per energy, all of one shape.
    energies_ev
        `(energy,)` photon energies in eV, strictly increasing.
    pixel_size_nm
        Voxel size in nm, or None where the files do not say.
    unit
        Unit of the values, `1` for optical depth, or None where the files do not say.
    notes
        What had to be assumed, one sentence each.
    """

    volumes: tuple[Volume, ...]
    energies_ev: NDArray[np.float64]
    pixel_size_nm: float | None
    unit: AttenuationUnit | None = None
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Energies, slices, rows and columns."""
        return (len(self.volumes), *self.volumes[0].shape)

    def read_slices(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read some slices at every energy; safe in threads.

        Parameters
        ----------
        start, stop
            First slice, and the one after the last.

        Returns
        -------
        `(energy, z, y, x)` attenuation as the files have it.

        Raises
        ------
        DataError
            Slices outside the volume, or a file that cannot be read.
        """
        n_slices = self.shape[1]
        if not 0 <= start < stop <= n_slices:
            message = (
                f"{self.volumes[0].source}: slices {start} to {stop} asked of a volume with slices 0 to {n_slices}."
            )
            raise DataError(message)
        values = np.empty((len(self.volumes), stop - start, *self.shape[2:]), np.float32)
        for index, volume in enumerate(self.volumes):
            values[index] = volume.read_slices(start, stop)
        return values


def series_of(
    volumes: Sequence[Volume],
    recorded_ev: Sequence[float],
    overrides: Overrides,
    *,
    pixel_size_nm: float | None = None,
    unit: AttenuationUnit | None = None,
    notes: tuple[str, ...] = (),
) -> VolumeSeries:
    """Volumes in order of energy, with what a user stated in place of what the files record.

    Parameters
    ----------
    volumes
        One per energy, in the order of the files.
    recorded_ev
        `(energy,)` energies in eV that the files record; not looked at where `overrides` gives some.
    overrides
        What the user states in place of the files.
    pixel_size_nm
        Voxel size in nm that the files record.
    unit
        Unit of the values that the files state.
    notes
        What had to be assumed.

    Raises
    ------
    DataError
        Volumes of several shapes, or energies that do not belong to them.
    """
    _require_one_shape(volumes)
    energies = np.array(recorded_ev, np.float64) if overrides.energies_ev is None else overrides.energies_ev
    _require_energies(volumes, energies)
    order = np.argsort(energies, kind="stable")
    size = overrides.pixel_size_nm or pixel_size_nm
    missing = () if size is not None else ("The files do not record a voxel size.",)
    return VolumeSeries(
        volumes=tuple(volumes[i] for i in order),
        energies_ev=energies[order],
        pixel_size_nm=size,
        unit=unit,
        notes=(*notes, *_stated_notes(overrides), *missing),
    )


def _stated_notes(overrides: Overrides) -> tuple[str, ...]:
    stated = []
    if overrides.energies_ev is not None:
        stated.append("The energies were given by the user.")
    if overrides.pixel_size_nm is not None:
        stated.append(f"The pixel size, {overrides.pixel_size_nm:g} nm, was given by the user.")
    return tuple(stated)


def _require_one_shape(volumes: Sequence[Volume]) -> None:
    odd = next((volume for volume in volumes if volume.shape != volumes[0].shape), None)
    if odd is not None:
        message = (
            f"{odd.source}: its volume is {odd.shape}, that of {volumes[0].source.name} {volumes[0].shape}. Cut all "
            "volumes to one shape, or leave the odd one out."
        )
        raise DataError(message)


def _require_energies(volumes: Sequence[Volume], energies_ev: NDArray[np.float64]) -> None:
    source = volumes[0].source
    if energies_ev.size != len(volumes):
        message = (
            f"energies_ev gives {energies_ev.size} energies for {len(volumes)} volumes, {source.name} to "
            f"{volumes[-1].source.name}. Give one for each, in their order."
        )
        raise DataError(message)
    in_order = np.sort(energies_ev)
    same = np.flatnonzero(np.diff(in_order) < DUPLICATE_EV)
    if same.size or in_order.size < 2:
        found = f"{in_order[same[0]]:.2f} eV twice" if same.size else f"{in_order.size} energy"
        message = f"{source}: volumes at two or more different energies are needed; found {found}."
        raise DataError(message)
