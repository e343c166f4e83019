"""A scan: one tomogram per photon energy, opened without reading a frame."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]
CountArray = NDArray[Any]

SORTED_NOTE = "Energies were not recorded in order; they were sorted as asked."
ORDER_REMEDY = (
    "Check that all files belong to one scan, then sort them with --sort-energies (sort_energies=True in Python)."
)
DUPLICATE_EV = 0.01
"""Recorded energies closer than this are one energy: scans step by 0.1 eV or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Raw counts of some detector rows of one tomogram.

    Attributes
    ----------
    projections
        `(angle, v, u)` counts in the detector's own data type.
    flats
        `(flat, v, u)` counts without the sample.
    darks
        `(dark, v, u)` counts without the beam.
    source
        The file the counts come from, for messages.
    datasets
        Names of the three datasets in that file, for messages.
    first_row
        Detector row of index 0 along `v`, for messages.
    """

    projections: CountArray
    flats: CountArray
    darks: CountArray
    source: str = "frames"
    datasets: tuple[str, str, str] = ("projections", "flats", "darks")
    first_row: int = 0


class Tomogram(Protocol):
    """One photon energy of a scan: its metadata, and its frames on request."""

    @property
    def source(self) -> Path:
        """File the tomogram is read from."""

    @property
    def energy_ev(self) -> float:
        """Recorded photon energy in eV."""

    @property
    def angles_rad(self) -> NDArray[np.float64]:
        """`(angle,)` rotation angles in radians, as recorded: any start, any range."""

    @property
    def n_rows(self) -> int:
        """Number of detector rows (axis v)."""

    @property
    def n_columns(self) -> int:
        """Number of detector columns (axis u)."""

    @property
    def n_flats(self) -> int:
        """Number of flat frames."""

    @property
    def n_darks(self) -> int:
        """Number of dark frames."""

    @property
    def pixel_size_nm(self) -> float | None:
        """Pixel size in the sample in nm, or None where the file does not say."""

    @property
    def time_s(self) -> float | None:
        """Start of the tomogram, seconds since 1970, or None where the file does not say."""

    @property
    def binning(self) -> int | None:
        """Pixels of the camera added up along a row, or None where the file does not say; 1 for none."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader had to assume, one sentence each."""

    def read_rows(self, start: int, stop: int) -> Frames:
        """Read detector rows start to stop - 1 of all projections, flats and darks; safe in threads."""

    def read_references(self) -> tuple[CountArray, CountArray]:
        """Read the flats `(flat, v, u)` and darks `(dark, v, u)` of the whole detector."""

    def read_projection(self, index: int) -> CountArray:
        """Read one raw projection, `(v, u)`."""


def require_rows(start: int, stop: int, *, n_rows: int, source: Path) -> None:
    """Refuse rows that the detector of a tomogram does not have.

    Raises
    ------
    DataError
        No row is asked for, or one outside 0 to `n_rows`; names the file.
    """
    if not 0 <= start < stop <= n_rows:
        message = f"{source}: rows {start} to {stop} asked of a detector with rows 0 to {n_rows}."
        raise DataError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Tomograms of one sample at increasing photon energy, all of one frame shape.

    Attributes
    ----------
    tomograms
        One tomogram per energy, energies strictly increasing.
    opening_notes
        What had to be assumed about the scan as a whole, one sentence each.
    out_of_order
        Which energy did not follow the others up or down as recorded, before they were sorted; None where all did.
    """

    tomograms: tuple[Tomogram, ...]
    opening_notes: tuple[str, ...] = ()
    out_of_order: str | None = None

    @property
    def energies_ev(self) -> NDArray[np.float64]:
        """`(energy,)` recorded photon energies in eV, strictly increasing."""
        return np.array([tomogram.energy_ev for tomogram in self.tomograms], dtype=np.float64)

    @property
    def n_rows(self) -> int:
        """Number of detector rows (axis v)."""
        return self.tomograms[0].n_rows

    @property
    def n_columns(self) -> int:
        """Number of detector columns (axis u)."""
        return self.tomograms[0].n_columns

    @property
    def pixel_size_nm(self) -> float | None:
        """Median pixel size in nm of the energies that record one, or None."""
        sizes = [t.pixel_size_nm for t in self.tomograms if t.pixel_size_nm is not None]
        return float(np.median(sizes)) if sizes else None

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes of the scan, then those of its tomograms, each once with the number of files it holds for."""
        counts = Counter(note for tomogram in self.tomograms for note in tomogram.notes)
        told = [f"{note} ({n} of {len(self.tomograms)} files)" for note, n in counts.items()]
        return (*self.opening_notes, *told)


def same_angles(angles_rad: FloatArray, others_rad: FloatArray) -> bool:
    """Whether two lists of angles, in radians, agree within half a step of the second, frame by frame."""
    first, second = np.asarray(angles_rad), np.asarray(others_rad)
    half_step = 0.5 * float(np.median(np.abs(np.diff(second))))
    return len(first) == len(second) and bool(np.abs(first - second).max() < half_step)


def scan_from_tomograms(
    tomograms: Sequence[Tomogram], *, sort_energies: bool = False, notes: Sequence[str] = ()
) -> Scan:
    """Scan of tomograms given in the order they were recorded.

    Parameters
    ----------
    tomograms
        One tomogram per energy, in recorded order.
    sort_energies
        Put energies that neither rise nor fall steadily in order, with a note; otherwise they are refused.
    notes
        What the reader already had to assume about the scan as a whole.

    Returns
    -------
    Scan with strictly increasing energies.

    Raises
    ------
    DataError
        No tomogram, an energy unknown or recorded twice, energies out of order, or frames of unlike shape.
    """
    _require_tomograms(tomograms)
    _require_one_shape(tomograms)
    in_order = sorted(tomograms, key=lambda tomogram: tomogram.energy_ev)
    _require_distinct_energies(in_order)
    out_of_order = _out_of_order(tomograms)
    _require_order(out_of_order, sort_energies=sort_energies)
    order_notes = _order_notes(tomograms, out_of_order)
    return Scan(tomograms=tuple(in_order), opening_notes=(*notes, *order_notes), out_of_order=out_of_order)


def require_two_energies(scan: Scan) -> None:
    """Refuse a scan of one energy, of which no phase map can be made.

    Parameters
    ----------
    scan
        The scan.

    Raises
    ------
    DataError
        Fewer than two energies.
    """
    if len(scan.tomograms) < 2:
        only = scan.tomograms[0]
        known = f" at {only.energy_ev:.2f} eV" if np.isfinite(only.energy_ev) else ""
        message = (
            f"A phase map needs tomograms at two energies or more, and at least as many as phases and background "
            f"columns; found {only.source}{known}. Give the folder that holds every energy of the scan."
        )
        raise DataError(message)


def _require_tomograms(tomograms: Sequence[Tomogram]) -> None:
    if not tomograms:
        message = "A scan needs at least one tomogram; none was found. Check the path."
        raise DataError(message)
    unknown = [tomogram for tomogram in tomograms if not np.isfinite(tomogram.energy_ev)]
    if unknown and len(tomograms) > 1:
        message = (
            f"{unknown[0].source}: no photon energy is recorded ({len(unknown)} of {len(tomograms)} tomograms). Give "
            "the energies of all, in the order of the numbers in the file names, as energies_ev (in eV)."
        )
        raise DataError(message)


def _require_one_shape(tomograms: Sequence[Tomogram]) -> None:
    shapes = [(tomogram.n_rows, tomogram.n_columns) for tomogram in tomograms]
    usual = Counter(shapes).most_common(1)[0][0]
    for tomogram, shape in zip(tomograms, shapes, strict=True):
        if shape != usual:
            other = tomograms[shapes.index(usual)]
            message = (
                f"{tomogram.source}: frames are {shape[0]} x {shape[1]} pixels, those of {other.source.name} "
                f"{usual[0]} x {usual[1]}. Leave the odd file out, or record all energies with one region "
                "and binning."
            )
            raise DataError(message)


def _require_distinct_energies(in_order: Sequence[Tomogram]) -> None:
    for lower, upper in itertools.pairwise(in_order):
        if upper.energy_ev - lower.energy_ev < DUPLICATE_EV:
            message = (
                f"{lower.source} and {upper.source} are both recorded at {lower.energy_ev:.2f} eV. "
                "Leave one of them out: give the list of files, or move the other from the folder."
            )
            raise DataError(message)


def _require_order(out_of_order: str | None, *, sort_energies: bool) -> None:
    if out_of_order is not None and not sort_energies:
        message = f"{out_of_order} {ORDER_REMEDY}"
        raise DataError(message)


def _order_notes(tomograms: Sequence[Tomogram], out_of_order: str | None) -> tuple[str, ...]:
    if out_of_order is not None:
        return (SORTED_NOTE,)
    if tomograms[0].energy_ev > tomograms[-1].energy_ev:
        return ("Energies were recorded from high to low; they are used from low to high.",)
    return ()


def _out_of_order(tomograms: Sequence[Tomogram]) -> str | None:
    """Which energy does not follow the others up or down; None where all do."""
    steps = np.diff([tomogram.energy_ev for tomogram in tomograms])
    direction = 1.0 if np.count_nonzero(steps > 0) >= np.count_nonzero(steps < 0) else -1.0
    wrong = np.flatnonzero(steps * direction < 0)
    if not wrong.size:
        return None
    before, after = tomograms[wrong[0]], tomograms[wrong[0] + 1]
    return (
        f"{after.source}: its energy, {after.energy_ev:.2f} eV, is out of order after {before.source.name} "
        f"at {before.energy_ev:.2f} eV (files taken by the number in their name)."
    )
