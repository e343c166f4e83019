"""What reconstructed volumes hold and what a phase map of them would lack, told from one slice per energy."""

from dataclasses import dataclass

import numpy as np

from xanesmap.reconstruct.inspection import find_edge
from xanesmap.reconstruct.scan_report import Problem, Severity
from xanesmap.reconstruct.volumes.series import Volume, VolumeSeries
from xanesmap.reconstruct.volumes.units import AttenuationUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRow:
    """One energy.

    Attributes
    ----------
    file
        Name of the file or folder.
    energy_ev
        Photon energy in eV.
    low, median, high
        Percentiles 1, 50 and 99 of the middle slice, in the unit of the files; NaN where it has no values.
    missing
        Portion of its voxels without a value (NaN, infinite or zero).
    """

    file: str
    energy_ev: float
    low: float
    median: float
    high: float
    missing: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeReport:
    """What volumes hold and what a phase map of them would lack.

    Attributes
    ----------
    energies
        One row per energy, energies increasing.
    shape
        Voxels (z, y, x).
    edge, edge_ev
        Absorption edge inside the energy range and its tabulated energy in eV, or None.
    pixel_size_nm
        Voxel size in nm, or None.
    unit
        Unit of the values, or None where the files do not state one.
    bytes
        Size of all volumes as float32.
    problems
        What looks wrong or has to be told, worst first.
    """

    energies: tuple[VolumeRow, ...]
    shape: tuple[int, int, int]
    edge: str | None
    edge_ev: float | None
    pixel_size_nm: float | None
    unit: AttenuationUnit | None
    bytes: int
    problems: tuple[Problem, ...]

    @property
    def verdict(self) -> str:
        """One sentence: whether a phase map can be made of the volumes."""
        open_points = sum(problem.severity != "note" for problem in self.problems)
        if open_points:
            return f"A phase map can be made once {open_points} thing(s) are told or looked at."
        return "Ready for a phase map, without reconstruction."


def inspect_volumes(series: VolumeSeries) -> VolumeReport:
    """Report on volumes from their metadata and the middle slice of each.

    Parameters
    ----------
    series
        The volumes, as opened.

    Returns
    -------
    Report with a row per energy, problems and a verdict.

    Raises
    ------
    DataError
        A file cannot be read.
    """
    pairs = zip(series.volumes, series.energies_ev.tolist(), strict=True)
    rows = tuple(_row(volume, energy) for volume, energy in pairs)
    edge, edge_ev = find_edge(series.energies_ev) or (None, None)
    _, n_slices, n_y, n_x = series.shape
    return VolumeReport(
        energies=rows,
        shape=(n_slices, n_y, n_x),
        edge=edge,
        edge_ev=edge_ev,
        pixel_size_nm=series.pixel_size_nm,
        unit=series.unit,
        bytes=4 * len(rows) * n_slices * n_y * n_x,
        problems=_problems(series, rows, edge),
    )


def _row(volume: Volume, energy_ev: float) -> VolumeRow:
    middle = volume.shape[0] // 2
    values = volume.read_slices(middle, middle + 1)
    there = values[np.isfinite(values) & (values != 0)]
    low, median, high = np.percentile(there, (1, 50, 99)).tolist() if there.size else (float("nan"),) * 3
    return VolumeRow(
        file=volume.source.name,
        energy_ev=energy_ev,
        low=low,
        median=median,
        high=high,
        missing=1 - there.size / values.size,
    )


def _problems(series: VolumeSeries, rows: tuple[VolumeRow, ...], edge: str | None) -> tuple[Problem, ...]:
    found = []
    if series.pixel_size_nm is None:
        found.append(_problem("warning", "No voxel size is recorded.", "Give it with --pixel-size-nm."))
    if series.unit is None:
        remedy = "Give it with --volume-unit; fractions do not depend on it, amounts do."
        found.append(_problem("warning", "The unit of attenuation is not stated.", remedy))
    if edge is None:
        found.append(_problem("warning", "No absorption edge lies inside the energies.", "Check the energies."))
    empty = [row.file for row in rows if not np.isfinite(row.median)]
    if empty:
        remedy = "Reconstruct that energy again, or leave it out."
        found.append(_problem("warning", f"The middle slice of {empty[0]} holds no values.", remedy))
    found.extend(_problem("note", note, "") for note in series.notes if "voxel size" not in note)
    return tuple(found)


def _problem(severity: Severity, finding: str, remedy: str) -> Problem:
    return Problem(severity=severity, finding=finding, remedy=remedy)
