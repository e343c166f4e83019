"""Alignment on frames of fewer, larger pixels, for scans whose volumes would not fit into memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xanesmap.reconstruct.alignment.displacement import Alignment


def bin_frames(frames: NDArray[np.float32], *, binning: int) -> NDArray[np.float32]:
    """Mean over blocks of pixels.

    Parameters
    ----------
    frames
        `(angle, v, u)`.
    binning
        Pixels of a block along v and along u; rows and columns that fill no block are left out at the end.

    Returns
    -------
    `(angle, v // binning, u // binning)` float32.
    """
    if binning == 1:
        return frames
    n_v, n_u = (n // binning for n in frames.shape[1:])
    blocks = frames[:, : n_v * binning, : n_u * binning].reshape(len(frames), n_v, binning, n_u, binning)
    return np.asarray(blocks.mean(axis=(2, 4)), np.float32)


def unbin_alignment(alignment: Alignment, *, binning: int, n_rows: int, n_columns: int) -> Alignment:
    """Alignment of the frames before binning.

    Parameters
    ----------
    alignment
        Of binned frames.
    binning
        Pixels of a block.
    n_rows, n_columns
        Of the frames before binning.

    Returns
    -------
    Alignment; the structure of the fixed pattern within a block is not known and left at the mean of the block.

    Notes
    -----
    A pixel `i` of binned frames lies at `b i + (b - 1) / 2`. Where `r` columns filled no block, the middle of the
    detector is `r / 2` further on than that of the blocks. The axis of the undisturbed image is at the one as at the
    other, so a displacement `d` of blocks is one of `b d - r / 2` pixels in u; in v, where there is no axis, the
    undisturbed image is left where it is.
    """
    if binning == 1:
        return alignment
    rest_v, rest_u = n_rows % binning, n_columns % binning
    change = alignment.magnification[:, None] - 1
    shift = alignment.shift_px * binning
    shift[..., 0] += change * rest_v / 2
    binned_columns = alignment.pattern.shape[-1]
    axis = binning * (alignment.centre_px - (binned_columns - 1) / 2) - rest_u / 2 + (n_columns - 1) / 2
    pattern = alignment.pattern.repeat(binning, axis=1).repeat(binning, axis=2)
    return replace(
        alignment,
        shift_px=shift,
        centre_px=axis,
        residual_px=alignment.residual_px * binning,
        pattern=np.pad(pattern, ((0, 0), (0, rest_v), (0, rest_u))),
    )
