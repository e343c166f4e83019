"""How many detector rows fit into the memory a run may use."""

from __future__ import annotations

import math
from dataclasses import dataclass

from xanesmap.errors import DataError
from xanesmap.phasemap.slab import NOISE_ROWS
from xanesmap.reconstruct.scan import Scan

_FLOAT = 4
# Float maps of a slab besides mu: fractions, sigmas, amounts, covariances and their temporaries, for k phases.
_MAPS = 8
# Bytes per projection pixel of the energy at hand: counts, attenuation, variance, sinogram and temporaries.
_PROJECTION_BYTES = 28
# Complex images in flight inside the transforms: eight pairs of slices, each with its spectrum and padded rows.
_PAIRS = 8
_MAX_SLAB_ROWS = 64


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


def slab_size(scan: Scan, *, n_phases: int, memory_bytes: int, threads: int) -> SlabSize:
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

    Raises
    ------
    DataError
        Not even one detector row fits.
    """
    per_row = _bytes_per_row(scan, n_phases=n_phases)
    overhead = _bytes_of_transforms(scan)
    for workers in range(min(threads, scan.n_rows), 0, -1):
        rows = int((memory_bytes / workers - overhead) // per_row)
        if rows >= 1 and (workers == 1 or rows >= min(NOISE_ROWS, scan.n_rows // workers)):
            return SlabSize(rows=_slab_rows(scan, fitting=rows, workers=workers), workers=workers)
    message = (
        f"A memory budget of {memory_bytes / 1e9:.2g} GB was asked for, but one detector row of this scan "
        f"({len(scan.tomograms)} energies, {scan.n_columns} columns) needs {(per_row + overhead) / 1e9:.2g} GB. "
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
    n_angles = max(len(t.angles_rad) for t in scan.tomograms)
    volumes = len(scan.tomograms) + _MAPS + n_phases * (n_phases + 4)
    return float(n_u * n_u * volumes * _FLOAT + n_angles * n_u * _PROJECTION_BYTES)


def _bytes_of_transforms(scan: Scan) -> float:
    n_u = scan.n_columns
    n_angles = max(len(t.angles_rad) for t in scan.tomograms)
    return float(8 * _PAIRS * (5 * n_angles * n_u + n_u * n_u) + 8 * (2 * n_u) ** 2 + 3 * 8 * n_angles * n_u)
