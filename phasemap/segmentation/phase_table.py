"""The table of phases of a run or a segmentation: volume and mean composition of every label, row by row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.morphology.interface_profile import CORRELATED_VOXELS
from xanesmap.phasemap.morphology.table_scale import Table, with_error
from xanesmap.phasemap.morphology.voxel_noise import weighted_noise
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.storage.amendment import read_table
from xanesmap.phasemap.storage.row_blocks import Rows, block_rows, row_ranges
from xanesmap.reconstruct.volumes.units import OPTICAL_DEPTH

FloatArray = NDArray[np.floating[Any]]

_PLACE_PX = 0.1  # standard error of the place of the borders between labels, all together
_CROSSED = 2 / 3  # faces of the grid per area, the mean over directions
_CROSSED_FLAT = np.pi / 4  # of a line in the plane: the mean of |x| + |y| of a normal is 4 / pi


def phase_table(result: PhaseMap, labels: Rows) -> Table:
    """One line per label of a finished result, from its maps.

    Parameters
    ----------
    result
        Where the maps are.
    labels
        `(z, y, x)` phase labels.

    Returns
    -------
    As of `PhaseSums.table`.
    """
    sums = PhaseSums(result.phases, result.label_names, unit=result.attenuation_unit)
    amount, amount_sigma, fraction = (result.levels(name)[0] for name in ("amount", "amount_sigma", "fraction"))
    sigma = result.noise_levels()[0]
    for start, stop in row_ranges(result.shape[0], block_rows(result.shape, multiple=amount.chunks[0])):
        part = slice(start, stop)
        maps = ((np.asarray(fraction[i, part]), np.asarray(sigma[i, part])) for i in range(len(result.phases)))
        sums.add(np.asarray(labels[part]), np.asarray(amount[part]), np.asarray(amount_sigma[part]), maps)
    return sums.table(pixel_um=result.pixel_size_um)


def phase_shares(result: PhaseMap) -> dict[str, tuple[float, float]]:
    """Share of every label of the sample and its standard error, by name of the label; NaN without a sample.

    Parameters
    ----------
    result
        A finished result: from its table of phases where that has errors, as tables of earlier versions have not,
        otherwise from its maps.
    """
    measure = "area" if result.attenuation_unit == OPTICAL_DEPTH else "volume"
    titles = with_error(f"share of sample {measure}", "1")
    columns = read_table(result.path, "phases")
    if not {"phase", *titles} <= columns.keys() or tuple(columns["phase"]) != result.label_names:
        header, rows = phase_table(result, result.levels("phase_labels")[0])
        columns = {title: [str(row[i]) for row in rows] for i, title in enumerate(header)}
    shares, errors = ([float(cell) for cell in columns[title]] for title in titles)
    known = sum(shares) > 0
    nothing = float("nan")
    return {
        name: (share, error) if known else (nothing, nothing)
        for name, share, error in zip(result.label_names, shares, errors, strict=True)
    }


class PhaseSums:
    """Sums over the voxels of every label; blocks of rows are added in order, and their heights do not matter.

    Parameters
    ----------
    phases
        Names of the phases.
    names
        Names of the labels 1, 2, ...
    unit
        Of the edge step.
    """

    def __init__(self, phases: tuple[str, ...], names: tuple[str, ...], *, unit: str) -> None:
        self._phases, self._names, self._unit = phases, names, unit
        self._flat = unit == OPTICAL_DEPTH  # of 2-D images
        n, n_maps = len(names) + 1, 1 + len(phases)
        self._counts = np.zeros(n, np.int64)
        self._rim, self._fronts = np.zeros(n), np.zeros(n)  # borders to what is no sample, and to other labels
        # of the edge step and of it times each fraction, and their variances
        self._sums, self._squares = np.zeros((n_maps, n)), np.zeros((n_maps, n))
        self._last: NDArray[Any] | None = None

    def add(
        self,
        labels: NDArray[Any],
        amount: FloatArray,
        amount_sigma: FloatArray,
        fractions: Iterable[tuple[FloatArray, FloatArray]],
    ) -> None:
        """Add a block of rows, `(z, y, x)`: edge step, its standard deviation, and both of each fraction in turn."""
        n = len(self._counts)
        self._counts += np.bincount(labels.ravel(), minlength=n)
        rim, fronts = _borders(labels, self._last, n, flat=self._flat)
        self._rim += rim
        self._fronts += fronts
        self._last = labels[-1]
        rows = [(row, np.flatnonzero(one)) for row, one in enumerate(labels) if one.any()]
        own = [labels[row].ravel()[places] for row, places in rows]
        held = [_known(amount[row], places) for row, places in rows]
        for (row, places), label, value in zip(rows, own, held, strict=True):
            self._sums[0] += np.bincount(label, value, minlength=n)
            self._squares[0] += np.bincount(label, _known(amount_sigma[row], places) ** 2, minlength=n)
        for index, (fraction, sigma) in enumerate(fractions, start=1):
            for (row, places), label, value in zip(rows, own, held, strict=True):
                noise = weighted_noise(np.maximum(value, 0), _known(sigma[row], places))
                self._sums[index] += np.bincount(label, value * _known(fraction[row], places), minlength=n)
                self._squares[index] += np.bincount(label, noise**2, minlength=n)

    def table(self, *, pixel_um: float) -> Table:
        """One line per label.

        Fractions are means over atoms, weighted by the edge step. Errors of volumes are those of the place of their
        borders, of means those of the noise, eight neighbours counted as one value. A share gains nothing where the
        rim of the whole sample is off: only by as much as a label has more of it than its share, and by its borders
        to other labels.
        """
        size, measure = ("um^2", "area") if self._flat else ("um^3", "volume")
        header = [
            *("phase", "pixels" if self._flat else "voxels", *with_error(measure, size)),
            *with_error(f"share of sample {measure}", "1"),
            *with_error("mean edge step", self._unit),
            *(title for phase in self._phases for title in with_error(f"mean fraction of {phase}", "1")),
        ]
        total, voxel = max(int(self._counts[1:].sum()), 1), pixel_um ** (2 if self._flat else 3)
        rims = float(self._rim[1:].sum())
        rows: list[list[object]] = []
        for value, name in enumerate(self._names, start=1):
            n, rim, front = int(self._counts[value]), float(self._rim[value]), float(self._fronts[value])
            share, off = n / total, _PLACE_PX * (rim + front)
            moved = _PLACE_PX * float(np.hypot(rim - share * rims, front)) / total
            means = _means(n, self._sums[:, value], self._squares[:, value])
            rows.append([name, n, n * voxel, off * voxel, share, moved, *means])
        return header, rows


def _known(values: NDArray[Any], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Values of a row of voxels at some places, 0 where there is none."""
    return np.nan_to_num(values.ravel()[places].astype(np.float64))


def _means(n: int, sums: FloatArray, squares: FloatArray) -> list[float]:
    """Mean edge step and mean fractions, each followed by its error."""
    errors = np.sqrt(CORRELATED_VOXELS * squares)
    if n == 0 or not sums[0] > 0:
        return [float("nan")] * 2 * len(sums)
    cells = [float(sums[0]) / n, float(errors[0]) / n]
    for total, error in zip(sums[1:], errors[1:], strict=True):
        cells += [float(total / sums[0]), float(error / sums[0])]
    return cells


def _borders(label: NDArray[Any], before: NDArray[Any] | None, n: int, *, flat: bool) -> tuple[FloatArray, FloatArray]:
    """(label,) area of the border of each label to label 0, and to others, in a block and to the row before it.

    Square voxels; in a flat one its length, in pixels.
    """
    rim, fronts = np.zeros(n), np.zeros(n)
    rows = label if before is None else np.concatenate([before[None], label])
    for axis in (1, 2) if flat else (0, 1, 2):
        values = rows if axis == 0 else label
        one, other = (np.moveaxis(values, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        differ = one != other
        first, second = one[differ], other[differ]
        outer = (first == 0) | (second == 0)
        rim += np.bincount(np.maximum(first, second)[outer], minlength=n)
        fronts += np.bincount(np.concatenate([first[~outer], second[~outer]]), minlength=n)
    crossed = _CROSSED_FLAT if flat else _CROSSED
    return rim * crossed, fronts * crossed
