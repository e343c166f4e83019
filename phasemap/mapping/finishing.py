"""Second pass over a result: mask, phase labels and the table of phases, slab by slab."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from xanesmap.phasemap.config import PhaseConfig
from xanesmap.phasemap.mapping.masking import mask_reach, mask_threshold, sample_mask, smooth_amount
from xanesmap.phasemap.mapping.resolution_error import ResolutionLoss, resolution_variance
from xanesmap.phasemap.progress import Progress
from xanesmap.phasemap.segmentation.labels import label_phases
from xanesmap.phasemap.segmentation.phase_table import PhaseSums
from xanesmap.phasemap.storage.layers import label_names
from xanesmap.phasemap.storage.result_store import ResultWriter

# Edge-step voxels of the whole scan from which the threshold is found.
_THRESHOLD_VOXELS = 2_000_000

AROUND_PX = 4
"""Voxels around the mask, counted through faces, of which the edge step is kept as `amount_around`."""


def finish_maps(
    writer: ResultWriter, config: PhaseConfig, *, loss: ResolutionLoss | None = None, progress: Progress
) -> float | None:
    """Write mask, labels, error bars with what is lost at fronts and `tables/phases.csv`; set maps to NaN off the mask.

    Parameters
    ----------
    writer
        A result whose slabs are all written.
    config
        Thresholds.
    loss
        What the reconstruction loses at fronts; the slabs then have written `fraction_sigma_counting`, from which
        `fraction_sigma` is made. None where `fraction_sigma` was written.
    progress
        Called after each slab.

    Returns
    -------
    The threshold used, in the unit of the amounts; None where nothing stands out of the noise, which leaves the mask
    empty.
    """
    threshold = config.mask_threshold_per_um or _find_threshold(writer, config)
    sums = PhaseSums(writer.phases, label_names(writer.phases), unit=writer.attenuation_unit)
    noise = "fraction_sigma" if loss is None else "fraction_sigma_counting"
    starts = range(0, writer.shape[0], writer.slab_rows)
    for index, start in enumerate(starts):
        _finish_slab(writer, config, sums, start=start, threshold=threshold, noise=noise)
        if loss is not None:
            _widen_errors(writer, config, loss, start=start, threshold=threshold)
        progress("Mask and phases", index + 1, len(starts))
    # Only now: a slab's mask looks at the edge step of its neighbours, also outside the mask.
    for start in starts:
        _keep_amount_around(writer, start, min(start + writer.slab_rows, writer.shape[0]))
    for start in starts:
        writer.apply_mask(start, min(start + writer.slab_rows, writer.shape[0]))
    writer.add_table("phases", *sums.table(pixel_um=writer.pixel_size_um))
    return threshold


def _find_threshold(writer: ResultWriter, config: PhaseConfig) -> float | None:
    """Threshold from slabs spread over the scan."""
    n_rows = writer.shape[0]
    per_row = writer.shape[1] * writer.shape[2]
    band = min(n_rows, max(2 * mask_reach(config.mask_smoothing_px), 8))
    n_bands = max(1, min(n_rows // band, _THRESHOLD_VOXELS // (band * per_row)))
    starts = np.linspace(0, n_rows - band, n_bands + 2)[1:-1].astype(int) if n_bands < n_rows // band else None
    rows = [(0, n_rows)] if starts is None else [(int(s), int(s) + band) for s in starts]
    smoothed = [smooth_amount(writer.read_slab("amount", a, b), smoothing_px=config.mask_smoothing_px) for a, b in rows]
    return mask_threshold(np.concatenate(smoothed))


def _finish_slab(
    writer: ResultWriter, config: PhaseConfig, sums: PhaseSums, *, start: int, threshold: float | None, noise: str
) -> None:
    """Write mask and labels of a slab, and add them to the table; `noise` is the layer of the fractions' noise."""
    stop = min(start + writer.slab_rows, writer.shape[0])
    mask = _mask(writer, config, start=start, stop=stop, threshold=threshold)
    fraction = writer.read_slab("fraction", start, stop)
    # a smoothed edge step can pass where the voxel itself holds too little to have a fraction
    mask &= np.isfinite(fraction).all(axis=0)
    labels = label_phases(fraction, mask, pure_threshold=config.pure_threshold)
    writer.write_slab(start, stop, mask=mask.astype(np.uint8), phase_labels=labels)
    amount, amount_sigma, sigma = (writer.read_slab(name, start, stop) for name in ("amount", "amount_sigma", noise))
    sums.add(labels, amount, amount_sigma, zip(fraction, sigma, strict=True))


def _widen_errors(
    writer: ResultWriter, config: PhaseConfig, loss: ResolutionLoss, *, start: int, threshold: float | None
) -> None:
    """Write `fraction_sigma` of a slab: counting statistics and what is lost at fronts."""
    stop = min(start + writer.slab_rows, writer.shape[0])
    first, last = max(0, start - loss.reach), min(writer.shape[0], stop + loss.reach)
    fraction = writer.read_slab("fraction", first, last)
    counting = writer.read_slab("fraction_sigma_counting", first, last)
    mask = _mask(writer, config, start=first, stop=last, threshold=threshold) & np.isfinite(fraction).all(axis=0)
    lost = resolution_variance(fraction, counting, writer.read_slab("amount", first, last), mask, loss=loss)
    own = slice(start - first, stop - first)
    writer.write_slab(start, stop, fraction_sigma=np.sqrt(counting[:, own] ** 2 + lost[:, own]))


def _mask(
    writer: ResultWriter, config: PhaseConfig, *, start: int, stop: int, threshold: float | None
) -> NDArray[np.bool_]:
    """Mask of some rows, from an edge step read with enough rows on either side."""
    reach = mask_reach(config.mask_smoothing_px)
    first, last = max(0, start - reach), min(writer.shape[0], stop + reach)
    if threshold is None:
        return np.zeros((stop - start, *writer.shape[1:]), bool)
    amount = writer.read_slab("amount", first, last)
    mask = sample_mask(amount, threshold=threshold, smoothing_px=config.mask_smoothing_px)
    return mask[start - first : stop - first]


def _keep_amount_around(writer: ResultWriter, start: int, stop: int) -> None:
    """Keep the edge step of the voxels around the mask: where it falls to half tells the surface between the voxels."""
    first, last = max(0, start - AROUND_PX), min(writer.shape[0], stop + AROUND_PX)
    mask = writer.read_slab("mask", first, last) > 0
    near = binary_dilation(mask, iterations=AROUND_PX) & ~mask
    near = near[start - first :][: stop - start]
    writer.write_slab(
        start, stop, amount_around=np.where(near, writer.read_slab("amount", start, stop), np.nan).astype(np.float32)
    )
