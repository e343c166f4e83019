"""Volumes that were reconstructed elsewhere, over photon energy, as a layer of a viewer; read slice by slice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.storage.multiscale import level_shapes
from xanesmap.reconstruct.volumes.series import Volume, VolumeSeries
from xanesmap.reconstruct.volumes.units import OPTICAL_DEPTH
from xanesmap.viewers.napari_plugin.layers.guarded_array import GuardedArray, Tell
from xanesmap.viewers.napari_plugin.layers.planned_layer import PlannedLayer, value_limits

VOLUMES = "volumes"
"""Name that the layer is planned with."""

_SLICES_AT_A_TIME = 16


class VolumeSlices:
    """Attenuation `(energy, z, y, x)` as the files have it, every so many voxels; cut like an array.

    Only the energies and slices asked for are read, whole slices at a time.

    Parameters
    ----------
    series
        The volumes.
    step
        Of the voxels along z, y and x; 1 for all.
    """

    def __init__(self, series: VolumeSeries, *, step: int = 1) -> None:
        self._volumes, self._step = series.volumes, step
        n_energies, *whole = series.shape
        self.shape = (n_energies, *(-(-n // step) for n in whole))
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, index: Any) -> NDArray[np.float32]:
        """Read the slices of an index of energies and places along z, then cut them."""
        asked = [*(index if isinstance(index, tuple) else (index,)), *[slice(None)] * 4][:4]
        energies, places = (np.arange(n)[part] for n, part in zip(self.shape[:2], asked[:2], strict=True))
        read = np.stack([self._read(self._volumes[one], places.ravel(), asked[2:]) for one in energies.ravel()])
        return read.reshape(*energies.shape, *places.shape, *read.shape[2:])

    def _read(self, volume: Volume, places: NDArray[np.intp], within: list[Any]) -> NDArray[np.float32]:
        """(place, ...) parts of slices, a few slices in memory at a time."""
        groups = np.array_split(places, max(1, -(-places.size // _SLICES_AT_A_TIME)))
        return np.concatenate([self._block(volume, group, within) for group in groups])

    def _block(self, volume: Volume, places: NDArray[np.intp], within: list[Any]) -> NDArray[np.float32]:
        first, last = int(places.min()) * self._step, int(places.max()) * self._step
        slices = volume.read_slices(first, last + 1)[places * self._step - first]
        return slices[:, :: self._step, :: self._step][(slice(None), *within)]


def planned_volumes(series: VolumeSeries, name: str, *, tell: Tell = lambda sentence: None) -> PlannedLayer:
    """Layer of volumes, of which a slice is read at three energies for its colours.

    Parameters
    ----------
    series
        The volumes.
    name
        What they are called.
    tell
        Called with a sentence when a part turns out to be unreadable.
    """
    n_energies, *shape = series.shape
    steps = [2**level for level in range(len(level_shapes((shape[0], shape[1], shape[2]))))]
    levels = [GuardedArray(VolumeSlices(series, step=step), name=f"volumes '{name}'", tell=tell) for step in steps]
    um = None if series.pixel_size_nm is None else series.pixel_size_nm / 1000
    return PlannedLayer(
        name=VOLUMES,
        title=f"{_quantity(series)} of {name}",
        kind="image",
        data=levels,
        scale=(1.0, *(um or 1.0,) * 3),
        axes=("energy", "z", "y", "x"),
        units=("pixel", *("pixel" if um is None else "um",) * 3),
        visible=True,
        limits=max(value_limits(levels[-1], energy) for energy in sorted({0, n_energies // 2, n_energies - 1})),
        ramp="gray",
    )


def _quantity(series: VolumeSeries) -> str:
    if series.unit == OPTICAL_DEPTH:
        return "optical depth"
    return "attenuation" if series.unit is None else f"attenuation ({series.unit.replace('um', 'µm')})"
