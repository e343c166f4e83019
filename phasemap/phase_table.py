"""The table of phases of a segmentation: volume and mean composition of every label, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.interface_profile import CORRELATED_VOXELS
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.row_blocks import Rows
from xanesmap.phasemap.table_scale import Table, with_error
from xanesmap.phasemap.voxel_noise import weighted_noise
from xanesmap.reconstruct.volume_units import OPTICAL_DEPTH

FloatArray = NDArray[np.floating[Any]]

_PLACE_PX = 0.1  # standard error of the place of the borders between labels, all together
_CROSSED = 2 / 3  # faces of the grid per area, the mean over directions


def phase_table(result: PhaseMap, labels: Rows) -> Table:
    """One line per label.

    Parameters
    ----------
    result
        Where the maps are.
    labels
        `(z, y, x)` phase labels.

    Returns
    -------
    Fractions are means over atoms, weighted by the edge step. Errors of volumes are those of the place of their
    borders, of means those of the noise, eight neighbours counted as one value.
    """
    unit, um = result.attenuation_unit, result.pixel_size_um
    flat = unit == OPTICAL_DEPTH  # of 2-D images
    size, measure = ("um^2", "area") if flat else ("um^3", "volume")
    header = [
        *("phase", "pixels" if flat else "voxels", *with_error(measure, size)),
        *with_error(f"share of sample {measure}", "1"),
        *with_error("mean edge step", unit),
        *(title for phase in result.phases for title in with_error(f"mean fraction of {phase}", "1")),
    ]
    counts, sums, squares, border = _sums(result, labels, flat=flat)
    total, voxel = max(int(counts[1:].sum()), 1), um**2 if flat else um**3
    rows: list[list[object]] = []
    for value, name in enumerate(result.label_names, start=1):
        n, off = int(counts[value]), _PLACE_PX * float(border[value])
        rows.append(
            [name, n, n * voxel, off * voxel, n / total, off / total, *_means(n, sums[:, value], squares[:, value])]
        )
    return header, rows


def _means(n: int, sums: FloatArray, squares: FloatArray) -> list[float]:
    """Mean edge step and mean fractions, each followed by its error."""
    errors = np.sqrt(CORRELATED_VOXELS * squares)
    if n == 0 or not sums[0] > 0:
        return [float("nan")] * 2 * len(sums)
    cells = [float(sums[0]) / n, float(errors[0]) / n]
    for total, error in zip(sums[1:], errors[1:], strict=True):
        cells += [float(total / sums[0]), float(error / sums[0])]
    return cells


def _sums(
    result: PhaseMap, labels: Rows, *, flat: bool
) -> tuple[NDArray[np.int64], FloatArray, FloatArray, FloatArray]:
    """By label: voxels; sums of the edge step and of it times each fraction; their variances; area of the border."""
    n, n_phases = len(result.label_names) + 1, len(result.phases)
    counts, border = np.zeros(n, np.int64), np.zeros(n)
    sums, squares = np.zeros((1 + n_phases, n)), np.zeros((1 + n_phases, n))
    amounts, amount_sigma, fraction = (result.levels(name)[0] for name in ("amount", "amount_sigma", "fraction"))
    sigma = result.noise_levels()[0]
    for block in result.blocks():
        label = np.asarray(labels[block])
        counts += np.bincount(label.ravel(), minlength=n)
        border += _border(label, n, flat=flat)
        inside = label > 0
        if not inside.any():
            continue
        own = label[inside]
        amount, noise = (np.nan_to_num(np.asarray(a[block])[inside]) for a in (amounts, amount_sigma))
        sums[0] += np.bincount(own, amount, minlength=n)
        squares[0] += np.bincount(own, noise.astype(np.float64) ** 2, minlength=n)
        for phase in range(n_phases):
            values, errors = (np.nan_to_num(np.asarray(a[(phase, *block)])[inside]) for a in (fraction, sigma))
            sums[1 + phase] += np.bincount(own, amount * values, minlength=n)
            squares[1 + phase] += np.bincount(own, weighted_noise(np.maximum(amount, 0), errors) ** 2, minlength=n)
    return counts, sums, squares, border


def _border(label: NDArray[Any], n: int, *, flat: bool) -> FloatArray:
    """(label,) area of the border of each label inside a block, square voxels; its length, in pixels, in a flat one."""
    found = np.zeros(n)
    for axis in (1, 2) if flat else (0, 1, 2):
        one, other = (np.moveaxis(label, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        differ = one != other
        found += np.bincount(one[differ], minlength=n) + np.bincount(other[differ], minlength=n)
    # of a line in the plane the mean of |x| + |y| of a normal is 4 / pi
    return found * (np.pi / 4 if flat else _CROSSED)
