"""OME-Zarr 0.5 images: chunk and shard shapes, metadata, pyramid levels.

The metadata is written here key by key because ``ome_zarr.writer`` cannot append slabs, and drops the units
of axes given as dictionaries; the tests validate it with ome-zarr-models and read it with ome-zarr.

Specification: OME-Zarr 0.5; Moore et al., Histochem. Cell Biol. 160, 223 (2023),
doi:10.1007/s00418-023-02209-1.
"""

import math
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from xanesmap.phasemap.storage.layers import Layer, label_colours, label_names

OME_VERSION = "0.5"
CHUNK_EDGE = 64
LARGEST_SINGLE_LEVEL = 256
"""Largest extent, in voxels, of a volume that is stored without pyramid."""
MAX_LEVELS = 3

Shape3 = tuple[int, int, int]


def chunk_shape(shape: Shape3, slab_rows: int) -> Shape3:
    """Chunk of a volume: about 64 voxels a side, its height a divisor of the slab height.

    Parameters
    ----------
    shape
        Voxels (z, y, x).
    slab_rows
        Detector rows of a slab.
    """
    divisors = [n for n in range(1, slab_rows + 1) if slab_rows % n == 0]
    height = min(divisors, key=lambda n: abs(math.log(n / CHUNK_EDGE)))
    return height, min(CHUNK_EDGE, shape[1]), min(CHUNK_EDGE, shape[2])


def shard_shape(shape: Shape3, slab_rows: int) -> Shape3:
    """Shard of a volume: one slab high and whole slices, in whole chunks."""
    _, *chunk = chunk_shape(shape, slab_rows)
    depth, width = (math.ceil(n / c) * c for n, c in zip(shape[1:], chunk, strict=True))
    return slab_rows, depth, width


def level_shapes(shape: Shape3) -> list[Shape3]:
    """Shape (z, y, x) of every pyramid level, finest first; each halves the one before, rounded up."""
    shapes = [shape]
    while len(shapes) < MAX_LEVELS and max(shapes[-1]) > LARGEST_SINGLE_LEVEL:
        z, y, x = (math.ceil(n / 2) for n in shapes[-1])
        shapes.append((z, y, x))
    return shapes


def create_level(
    group: zarr.Group, layer: Layer, level: int, *, leading: tuple[int, ...], shape: Shape3, slab_rows: int
) -> zarr.Array[Any]:
    """Create the array ``s<level>`` of a layer, one shard per leading index and slab.

    Parameters
    ----------
    group
        Root of the store.
    layer
        What the array holds.
    level
        Pyramid level, 0 the finest.
    leading
        Length of the leading axis, or nothing.
    shape
        Voxels (z, y, x) of this level.
    slab_rows
        Rows one writer writes at a time: the height of a shard.
    """
    ones = (1,) * len(leading)
    array = group.create_array(
        f"{layer.path}/s{level}",
        shape=(*leading, *shape),
        dtype=layer.dtype,
        chunks=(*ones, *chunk_shape(shape, slab_rows)),
        shards=(*ones, *shard_shape(shape, slab_rows)),
        fill_value=math.nan if layer.dtype == "float32" else 0,
        compressors=BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),
        dimension_names=list(layer.axes),
    )
    array.attrs.update({"units": layer.units, "long_name": layer.long_name})
    return array


def multiscales(layer: Layer, *, pixel_size_um: float, n_levels: int, folder: str = "") -> dict[str, Any]:
    """``multiscales`` metadata of an image with its axes, units and voxel size.

    Parameters
    ----------
    layer
        What the image holds.
    pixel_size_um
        Edge of a voxel of the finest level in um.
    n_levels
        Number of pyramid levels.
    folder
        Prefix of the array paths, for metadata kept one group higher.

    Notes
    -----
    The energy axis has neither type ``channel`` (viewers would split it into one layer per energy) nor a
    unit: its coordinate is the index, and the energies, not evenly spaced, are in the root attributes.
    """
    datasets = [
        {"path": f"{folder}s{level}", "coordinateTransformations": _placement(layer, level, pixel_size_um)}
        for level in range(n_levels)
    ]
    image = {"name": layer.name, "axes": _axes(layer), "datasets": datasets, "type": layer.downscale}
    return {"version": OME_VERSION, "multiscales": [image]}


def _axes(layer: Layer) -> list[dict[str, str]]:
    leading: list[dict[str, str]] = [{"name": layer.leading, "type": layer.leading}] if layer.leading else []
    return leading + [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]


def _placement(layer: Layer, level: int, pixel_size_um: float) -> list[dict[str, Any]]:
    ones = [1.0] if layer.leading else []
    scale = [*ones, *[pixel_size_um * 2**level] * 3]
    # The mean of 2 x 2 x 2 voxels lies between them; every second voxel stays where it was.
    shift = pixel_size_um * (2**level - 1) / 2 if layer.downscale == "mean" else 0.0
    translation = [*[0.0] * len(ones), *[shift] * 3]
    return [{"type": "scale", "scale": scale}, {"type": "translation", "translation": translation}]


def phase_image_label(phases: tuple[str, ...]) -> dict[str, Any]:
    """``image-label`` metadata of the phase labels: a name and a colour for each, 0 transparent."""
    names = ("outside", *label_names(phases))
    colours = [(0, 0, 0, 0), *((*colour, 255) for colour in label_colours(phases))]
    return {
        "version": OME_VERSION,
        "colors": [{"label-value": value, "rgba": list(rgba)} for value, rgba in enumerate(colours)],
        "properties": [{"label-value": value, "name": name} for value, name in enumerate(names)],
        "source": {"image": "../../"},
    }


def particle_image_label() -> dict[str, Any]:
    """``image-label`` metadata of the particle labels: 0 transparent, other colours left to the viewer."""
    return {
        "version": OME_VERSION,
        "colors": [{"label-value": 0, "rgba": [0, 0, 0, 0]}],
        "properties": [{"label-value": 0, "name": "outside"}],
        "source": {"image": "../../"},
    }


def write_coarser_level(fine: zarr.Array[Any], coarse: zarr.Array[Any], layer: Layer) -> None:
    """Fill a pyramid level from the next finer one, one shard at a time.

    Parameters
    ----------
    fine
        Array (..., z, y, x).
    coarse
        Array of half the size (rounded up) in z, y and x.
    layer
        What the arrays hold.
    """
    rows = (coarse.shards or coarse.chunks)[-3]
    for index in np.ndindex(coarse.shape[:-3]):
        for start in range(0, coarse.shape[-3], rows):
            stop = min(start + rows, coarse.shape[-3])
            block = np.asarray(fine[(*index, slice(2 * start, 2 * stop))])
            coarse[(*index, slice(start, stop))] = downscaled(block, layer.downscale)


def downscaled(volume: NDArray[Any], how: str) -> NDArray[Any]:
    """Volume at half the resolution.

    Parameters
    ----------
    volume
        (z, y, x).
    how
        ``mean``: mean of the finite voxels of each 2 x 2 x 2 block (NaN where there is none); ``nearest``:
        the first voxel of each block.

    Returns
    -------
    ndarray
        (ceil(z/2), ceil(y/2), ceil(x/2)), dtype of `volume`.
    """
    if how == "nearest":
        return volume[::2, ::2, ::2]
    finite = np.isfinite(volume)
    total = _block_sums(np.where(finite, volume, 0))
    count = _block_sums(finite.astype(volume.dtype))
    mean: NDArray[Any] = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return mean


def _block_sums(volume: NDArray[Any]) -> NDArray[Any]:
    padded = np.pad(volume, [(0, n % 2) for n in volume.shape])
    z, y, x = (n // 2 for n in padded.shape)
    # (z, 2, y, 2, x, 2) -> (z, y, x)
    sums: NDArray[Any] = padded.reshape(z, 2, y, 2, x, 2).sum(axis=(1, 3, 5))
    return sums
