"""How many detector rows fit into the memory a run may use."""

from __future__ import annotations

import math
from dataclasses import dataclass

from xanesmap.errors import DataError
from xanesmap.phasemap.mapping.slab import NOISE_ROWS
from xanesmap.phasemap.mapping.survey import smallest_look_bytes
from xanesmap.reconstruct.fourier import PAIRS_AT_ONCE
from xanesmap.reconstruct.scan import Scan

_FLOAT = 4
# Float maps per row besides mu: those of the fit for k phases are 3 k and these, then the slices of the energy at hand,
# and what the compressor holds (5 in one measurement, 16 rows of 512 x 512 voxels of noise).
_FIT_MAPS = 7
_PASSING_MAPS = 6
# Float maps of the one row whose errors are being formed, counted generously.
_ERROR_MAPS = 30
# Bytes per projection pixel of the energy at hand: counts, attenuation, variance, sinogram and temporaries.
_PROJECTION_BYTES = 28
# Complex rows of a pair of slices inside the engine, in detector widths: as they come, padded twice, cut to the window.
_PADDED_WIDTHS = 6.5
# Bytes per projection pixel of the points and phases of the transforms.
_POINT_BYTES = 60
_MAX_SLAB_ROWS = 64
ALIGNED_HALO_ROWS = 32
"""Rows read besides those of a slab where frames are aligned: the reach of the interpolation and typical displacements,
on either side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlabSize:
    """How a scan is cut into slabs.

    Parameters
    ----------
    rows
        Detector rows per slab.
    workers
        Slabs processed at the same time.
    """

    rows: int
    workers: int


def slab_size(scan: Scan, *, n_phases: int, memory_bytes: int, threads: int, halo_rows: int = 0) -> SlabSize:
    """Largest slabs, and most workers, that stay within the budget.

    Parameters
    ----------
    scan
        The scan.
    n_phases
        Number of references.
    memory_bytes
        Budget of the whole run, bytes.
    threads
        Cores that may be used.
    halo_rows
        Rows read besides those of a slab.

    Raises
    ------
    DataError
        Not even one detector row fits.
    """
    per_row = _bytes_per_row(scan, n_phases=n_phases)
    overhead = _bytes_of_worker(scan, n_phases=n_phases) + halo_rows * _projection_bytes_per_row(scan)
    look = smallest_look_bytes(scan)
    for workers in range(min(threads, scan.n_rows), 0, -1):
        rows = int((memory_bytes / workers - overhead) // per_row)
        if rows >= 1 and memory_bytes >= look and (workers == 1 or rows >= min(NOISE_ROWS, scan.n_rows // workers)):
            return SlabSize(rows=_slab_rows(scan, fitting=rows, workers=workers), workers=workers)
    needed = max(per_row + overhead, look)
    message = (
        f"A memory budget of {memory_bytes / 1e9:.2g} GB was asked for, but one detector row of this scan "
        f"({len(scan.tomograms)} energies, {scan.n_columns} columns) needs {needed / 1e9:.2g} GB. "
        "Raise --memory, or bin the data."
    )
    raise DataError(message)


def _slab_rows(scan: Scan, *, fitting: int, workers: int) -> int:
    """Rows of a slab when `fitting` are the most that fit: an equal share per worker, in whole groups of rows."""
    share = math.ceil(scan.n_rows / workers / NOISE_ROWS) * NOISE_ROWS
    rows = min(fitting, _MAX_SLAB_ROWS, share)
    whole = rows - rows % NOISE_ROWS or rows
    return min(whole, scan.n_rows)


def _bytes_per_row(scan: Scan, *, n_phases: int) -> float:
    n_u = scan.n_columns
    volumes = len(scan.tomograms) + 3 * n_phases + _FIT_MAPS + _PASSING_MAPS
    return float(n_u * n_u * volumes * _FLOAT + _projection_bytes_per_row(scan))


def _projection_bytes_per_row(scan: Scan) -> float:
    return float(max(len(t.angles_rad) for t in scan.tomograms) * scan.n_columns * _PROJECTION_BYTES)


def _bytes_of_worker(scan: Scan, *, n_phases: int) -> float:
    """Bytes of a worker whatever the height of its slab."""
    n_u = scan.n_columns
    n_angles = max(len(t.angles_rad) for t in scan.tomograms)
    pairs = 8 * PAIRS_AT_ONCE * (_PADDED_WIDTHS * n_angles * n_u + n_u * n_u) + 8 * (1.25 * n_u) ** 2
    return pairs + _POINT_BYTES * n_angles * n_u + _FLOAT * (n_phases**2 + _ERROR_MAPS) * n_u * n_u
