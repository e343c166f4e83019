"""Maps made of the kept attenuation of a result voxel by voxel, and written into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.progress import Progress
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.storage.layers import Layer, layer_named

FloatArray = NDArray[np.floating[Any]]

# Chunks of the store: some hundred megabytes of spectra at a time.
_ROWS, _COLUMNS = 64, 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoxelBlock:
    """Voxels of a block that lie inside the mask.

    Parameters
    ----------
    spectra
        `(energy, voxel)` attenuation, 1/um.
    amount
        `(voxel,)` edge step, 1/um.
    """

    spectra: FloatArray
    amount: FloatArray


Measure = Callable[[VoxelBlock], Mapping[str, NDArray[Any]]]
"""From the voxels of a block to `(..., voxel)` values by layer name."""


def require_attenuation(result: PhaseMap) -> None:
    """Refuse a result without the attenuation of its voxels.

    Raises
    ------
    DataError
        It was not kept, or the result does not tell how it was fitted.
    """
    if result.mu is None or "fit" not in result.attributes:
        message = f"result '{result.path}' did not keep its attenuation; run again with --keep-mu."
        raise DataError(message)


def slabs_of_voxels(
    result: PhaseMap,
    layers: Mapping[Layer, tuple[int, ...]],
    measure: Measure,
    *,
    stage: str,
    progress: Progress,
) -> Iterator[tuple[int, dict[str, NDArray[Any]]]]:
    """Maps of a result, slab by slab, as `Amendment.replace_images` takes them.

    Parameters
    ----------
    result
        A result that kept its attenuation.
    layers
        Length of the leading axis, or nothing, of each layer that `measure` fills; NaN or 0 outside the mask.
    measure
        Values of the voxels inside the mask.
    stage, progress
        Name of the stage, and what is called after every slab.
    """
    rows, n_rows = int(result.attributes["slab_rows"]), result.shape[0]
    starts = range(0, n_rows, rows)
    for done, start in enumerate(starts, start=1):
        stop = min(start + rows, n_rows)
        images = {
            layer.name: np.full((*leading, stop - start, *result.shape[1:]), _outside(layer), layer.dtype)
            for layer, leading in layers.items()
        }
        for block in _blocks(result, start, stop):
            _fill(result, images, block, measure, start=start)
        yield start, images
        progress(stage, done, len(starts))


def _outside(layer: Layer) -> float:
    return np.nan if layer.dtype == "float32" else 0


def _blocks(result: PhaseMap, start: int, stop: int) -> Iterator[tuple[slice, slice, slice]]:
    """Blocks of a slab along the chunks in which attenuation is stored."""
    height = result.levels("mask")[0].chunks[0]
    for z in range(start, stop, height):
        for y in range(0, result.shape[1], _ROWS):
            for x in range(0, result.shape[2], _COLUMNS):
                yield slice(z, min(z + height, stop)), slice(y, y + _ROWS), slice(x, x + _COLUMNS)


def _fill(
    result: PhaseMap,
    images: Mapping[str, NDArray[Any]],
    block: tuple[slice, slice, slice],
    measure: Measure,
    *,
    start: int,
) -> None:
    inside = np.asarray(result.levels("mask")[0][block]) > 0
    if not inside.any():
        return
    mu = result.levels("mu")[0]
    spectra = np.stack([np.asarray(mu[(energy, *block)])[inside] for energy in range(result.energies_ev.size)])
    finite = np.isfinite(spectra).all(axis=0)
    inside[inside] = finite
    voxels = VoxelBlock(
        spectra=spectra[:, finite].astype(np.float64),
        amount=np.asarray(result.levels("amount")[0][block], np.float64)[inside],
    )
    if not voxels.amount.size:
        return
    own = (slice(block[0].start - start, block[0].stop - start), *block[1:])
    for name, values in measure(voxels).items():
        part = images[name][(..., *own)]
        part[..., inside] = values


def layers_named(names: tuple[str, ...]) -> dict[Layer, tuple[int, ...]]:
    """Layers without a leading axis, by their names."""
    return {layer_named(name): () for name in names}
