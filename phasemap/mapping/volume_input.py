"""What enters after reconstruction: volumes of other programs, and the attenuation that a result has kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from pydantic import BaseModel

from xanesmap.errors import DataError
from xanesmap.phasemap.config import ReconstructConfig, RunConfig
from xanesmap.phasemap.result import PhaseMap, open_result
from xanesmap.phasemap.storage.destination import own_attributes
from xanesmap.phasemap.storage.layers import PER_LENGTH
from xanesmap.phasemap.storage.noise_maps import NoiseMaps, open_noise_maps
from xanesmap.reconstruct.overrides import check_overrides
from xanesmap.reconstruct.volumes.opening import open_volumes
from xanesmap.reconstruct.volumes.recognition import holds_volumes
from xanesmap.reconstruct.volumes.series import VolumeSeries
from xanesmap.reconstruct.volumes.units import OPTICAL_DEPTH, AttenuationUnit, VolumeUnit, per_um_factor

# What `result.zarr` takes over; the others are of no use to it.
_FOR_VOLUMES = {"pixel_size_nm", "energies_ev", "volume_unit", "sort_energies"}

# Relative weight below which an energy had no say: noise of energies differs by less than a factor of 1e4.
_NO_SAY = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeInput:
    """Volumes as a job takes them.

    Parameters
    ----------
    series
        The volumes and their energies.
    pixel_size_um
        Edge of a voxel, um.
    factor
        What turns their values into 1/um; 1 for optical depth.
    attenuation_unit
        Unit of the attenuation: `1/um`, or `1` for optical depth.
    notes
        What had to be assumed, one sentence each.
    noise
        Noise that was stored with them; None where only residuals tell it.
    weights
        `(energy,)` weights of the fit they were stored with; None to find them.
    origin
        Facts about the result they come from; empty for volumes of other programs.
    """

    series: VolumeSeries
    pixel_size_um: float
    factor: float
    notes: tuple[str, ...]
    attenuation_unit: str = PER_LENGTH
    noise: NoiseMaps | None = None
    weights: NDArray[np.float64] | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> list[Path]:
        """Files that identify the volumes."""
        return list(dict.fromkeys(path for volume in self.series.volumes for path in volume.files))

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """`(energy, z, y, x)` attenuation of some slices, in its unit; NaN where the files hold no finite number."""
        mu = np.empty((len(self.series.volumes), stop - start, *self.series.shape[2:]), np.float32)
        for index, volume in enumerate(self.series.volumes):
            np.multiply(volume.read_slices(start, stop), np.float32(self.factor), out=mu[index])
            mu[index][~np.isfinite(mu[index])] = np.nan
        return mu


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVolume:
    """Attenuation at one energy, kept in a result."""

    source: Path
    array: zarr.Array[Any]
    index: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows and columns."""
        _, n_z, n_y, n_x = self.array.shape
        return n_z, n_y, n_x

    @property
    def files(self) -> tuple[Path, ...]:
        """The file with the attributes of the result, which name its own inputs."""
        return (self.source / "zarr.json",)

    def read_slices(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read slices `start` to `stop - 1`, `(z, y, x)`."""
        return np.asarray(self.array[self.index, start:stop], np.float32)


def is_result(source: str | Path) -> bool:
    """Whether a path is a result of this program, finished or not."""
    return own_attributes(Path(source)) is not None


def takes_volumes(config: RunConfig) -> bool:
    """Whether the input of a job is past reconstruction; told by its content.

    Angles in the configuration mean frames: a TIFF folder without angles of its own is then a scan.
    """
    if len(config.scan) == 1 and is_result(config.scan[0]):
        return True
    return config.reconstruct.angles_deg is None and holds_volumes(config.scan)


def open_volume_input(config: RunConfig) -> VolumeInput:
    """Open the volumes of a job without reading them.

    Raises
    ------
    DataError
        Volumes that cannot be used, no voxel size, or a result that did not keep its attenuation.
    """
    if len(config.scan) == 1 and is_result(config.scan[0]):
        return _input_from_result(open_result(config.scan[0]), config)
    settings = config.reconstruct
    series = open_volumes(config.scan, energies_ev=settings.energies_ev, pixel_size_nm=settings.pixel_size_nm)
    if series.pixel_size_nm is None:
        message = (
            f"{series.volumes[0].source}: the files do not record a voxel size, so lengths would have no unit. Give "
            "it with --pixel-size-nm."
        )
        raise DataError(message)
    unit, unit_notes = _unit(series, settings.volume_unit)
    pixel_size_um = series.pixel_size_nm / 1000
    return VolumeInput(
        series=series,
        pixel_size_um=pixel_size_um,
        factor=per_um_factor(unit, pixel_size_um=pixel_size_um),
        attenuation_unit=OPTICAL_DEPTH if unit == OPTICAL_DEPTH else PER_LENGTH,
        notes=(*series.notes, *unit_notes, *_useless_settings(config)),
    )


def _unit(series: VolumeSeries, given: VolumeUnit | None) -> tuple[AttenuationUnit, tuple[str, ...]]:
    if series.unit == OPTICAL_DEPTH:
        if given is None:
            return OPTICAL_DEPTH, ()
        message = (
            f"{series.volumes[0].source}: holds 2-D images, whose optical depth has no unit, and volume_unit gives "
            f"{given}. Leave --volume-unit out."
        )
        raise DataError(message)
    if given is not None:
        instead = f", in place of {series.unit} in the files" if series.unit not in (None, given) else ""
        return given, (f"The unit of attenuation, {given}, was given by the user{instead}.",)
    if series.unit is not None:
        return series.unit, (f"The files state attenuation in {series.unit}.",)
    note = (
        "The files do not state the unit of attenuation. It was taken as per pixel, as TomoPy reconstructs (and so "
        "TXM-Sandbox and pyxas), and divided by the voxel size. Fractions do not depend on it, amounts do: give "
        "--volume-unit."
    )
    return "1/pixel", (note,)


def _useless_settings(config: RunConfig) -> tuple[str, ...]:
    useless = sorted((_changed(config.reconstruct) | _changed(config.align)) - _FOR_VOLUMES)
    if not useless:
        return ()
    return (f"The volumes are reconstructed already: {', '.join(useless)} had no effect.",)


def _changed(section: BaseModel) -> set[str]:
    """Keys of a section that were given, and not their default value."""
    return {
        name for name in section.model_fields_set if getattr(section, name) != type(section).model_fields[name].default
    }


def _input_from_result(result: PhaseMap, config: RunConfig) -> VolumeInput:
    if result.mu is None:
        message = (
            f"result '{result.path}' did not keep its attenuation, so there is nothing to fit again. Run the scan "
            "again without --no-keep-mu."
        )
        raise DataError(message)
    settings = config.reconstruct
    if settings.pixel_size_nm is not None or settings.volume_unit is not None:
        message = (
            f"result '{result.path}' holds attenuation in {result.attenuation_unit} made with voxels of "
            f"{1000 * result.pixel_size_um:g} nm: "
            "neither pixel size nor unit can be changed without running the scan again. Leave them out."
        )
        raise DataError(message)
    energies, notes = _energies(result, settings)
    array = result.levels("mu")[0]
    unit: AttenuationUnit = OPTICAL_DEPTH if result.attenuation_unit == OPTICAL_DEPTH else "1/um"
    volumes = tuple(KeptVolume(source=result.path, array=array, index=i) for i in range(array.shape[0]))
    return VolumeInput(
        series=VolumeSeries(
            volumes=volumes, energies_ev=energies, pixel_size_nm=1000 * result.pixel_size_um, unit=unit
        ),
        pixel_size_um=result.pixel_size_um,
        factor=1.0,
        attenuation_unit=unit,
        notes=(*notes, *_useless_settings(config)),
        noise=open_noise_maps(result.path, n_rows=result.shape[0]),
        weights=_weights(result),
        origin={"path": str(result.path.resolve()), **dict(result.attributes)},
    )


def _weights(result: PhaseMap) -> NDArray[np.float64] | None:
    """`(energy,)` weights of the fit of a result; interpolated for energies that had no say in it, but may now."""
    stored = result.attributes.get("fit", {}).get("weights")
    if stored is None:
        return None
    weights = np.asarray(stored, np.float64)
    used = weights > _NO_SAY * weights.max()
    return np.asarray(np.interp(result.energies_ev, result.energies_ev[used], weights[used]), np.float64)


def _energies(result: PhaseMap, settings: ReconstructConfig) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    given = check_overrides(energies_ev=settings.energies_ev).energies_ev
    if given is None:
        return result.energies_ev, ()
    if given.shape != result.energies_ev.shape or not np.all(np.diff(given) > 0):
        message = (
            f"result '{result.path}' holds {result.energies_ev.size} energies, and energies_ev gives {given.size}. "
            "Give one for each, increasing."
        )
        raise DataError(message)
    return given, ("The energies were given by the user.",)
