"""How many slices of volumes fit into the memory a job may use."""

from __future__ import annotations

import math

from xanesmap.errors import DataError
from xanesmap.phasemap.mapping.memory import SlabSize

_FLOAT = 4
# Float maps per slice besides the attenuation: those of the fit for k phases are 4 k and these; then the slices of the
# energy at hand as they come and converted, and what the compressor holds (5 for noise).
_FIT_MAPS = 6
_PASSING_MAPS = 8
# Of the one slice whose errors are being formed: spectra and residuals of every energy, and maps counted generously.
_COPIES_OF_SLICE = 2
_ERROR_MAPS = 30
_MAX_SLAB_ROWS = 64
_FEWEST_SHARED_ROWS = 4


def volume_slab_size(shape: tuple[int, int, int, int], *, n_phases: int, memory_bytes: int, threads: int) -> SlabSize:
    """Largest slabs, and most workers, that stay within the budget.

    Parameters
    ----------
    shape
        Energies, slices, rows and columns.
    n_phases
        Number of references.
    memory_bytes
        Budget of the whole job, bytes.
    threads
        Cores that may be used.

    Raises
    ------
    DataError
        Not even one slice fits.
    """
    n_energies, n_slices, n_y, n_x = shape
    per_row = _FLOAT * n_y * n_x * (n_energies + 4 * n_phases + _FIT_MAPS + _PASSING_MAPS)
    overhead = _FLOAT * n_y * n_x * (_COPIES_OF_SLICE * n_energies + n_phases**2 + _ERROR_MAPS)
    for workers in range(min(threads, n_slices), 0, -1):
        rows = int((memory_bytes / workers - overhead) // per_row)
        if rows >= 1 and (workers == 1 or rows >= min(_FEWEST_SHARED_ROWS, n_slices // workers)):
            return SlabSize(rows=min(rows, _MAX_SLAB_ROWS, math.ceil(n_slices / workers)), workers=workers)
    message = (
        f"A memory budget of {memory_bytes / 1e9:.2g} GB was asked for, but one slice of these volumes ({n_energies} "
        f"energies, {n_y} x {n_x} voxels) needs {(per_row + overhead) / 1e9:.2g} GB. Raise --memory, or bin the data."
    )
    raise DataError(message)
