"""The total spectrum of a scan from its frames as they are used."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.mapping.slab import SlabJob
from xanesmap.phasemap.mapping.slab_frames import aligned_frames
from xanesmap.reconstruct.alignment.total_contrast import total_contrast

FloatArray = NDArray[np.floating[Any]]

_ROWS = 64
# What flats and detector leave is the same at all angles: a few tell as much as all.
_ANGLES = 32
_BYTES = 256_000_000


def total_spectrum(job: SlabJob) -> NDArray[np.float64]:
    """`(energy,)` relative attenuation of everything in the beam.

    Of frames used as recorded it is that of the survey. Where they are aligned, the same rows of frames as recorded
    hold other material at every energy: some aligned rows about the middle of the object are used instead.

    Parameters
    ----------
    job
        A job; its model is not used.

    Raises
    ------
    DataError
        Frames that cannot be read or corrected.
    """
    if job.alignment is None:
        return np.asarray(job.survey.totals)
    start, stop = _middle_rows(job)
    kept = [job.alignment.kept_frames(index, n_angles=len(t.angles_rad)) for index, t in enumerate(job.scan.tomograms)]
    everywhere = np.logical_and.reduce(kept) if len({len(frames) for frames in kept}) == 1 else None
    rows = []
    for index, tomogram in enumerate(job.scan.tomograms):
        frames = aligned_frames(tomogram, job.correction(index), job.alignment, index=index, start=start, stop=stop)
        values = frames.values if everywhere is None else frames.values[everywhere[kept[index]]]
        rows.append(values[:: -(-len(values) // _ANGLES)].copy())
    return total_contrast(rows)


def _middle_rows(job: SlabJob) -> tuple[int, int]:
    per_row = 4 * _ANGLES * len(job.scan.tomograms) * job.scan.n_columns
    n_rows = min(job.scan.n_rows, max(1, min(_ROWS, _BYTES // per_row)))
    start = int(np.clip(round(job.survey.middle_row - n_rows / 2), 0, job.scan.n_rows - n_rows))
    return start, start + n_rows
