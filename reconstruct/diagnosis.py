"""What looks wrong with a scan, judged from its figures: each rule is one sentence and one remedy."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from xanesmap.reconstruct.acquisition import MIN_PROJECTIONS
from xanesmap.reconstruct.scan import ORDER_REMEDY, SORTED_NOTE
from xanesmap.reconstruct.scan_report import EnergyReport, Problem, ScanReport, Severity

PLACEHOLDER_COUNTS = 1.0
PROJECTION_COUNTS = 10.0
LOST_BEAM = 0.2
"""Portion of the median flat below which the beam was off or nearly so."""

BRIGHT_PROJECTION = 1.2
BAD_PIXELS = (0.01, 0.05)
"""Portions of dead and saturated pixels that are worth a warning, and more than can be filled."""

MIN_FLATS = 3
MIN_ENERGIES = 5
LOW_PHOTONS = 200.0
MISSING_WEDGE_DEG = 5.0
FEW_ANGLES = (0.1, 0.3)
"""Portions of Crowther's count of angles that are worth a warning and a note."""

GAP_FACTOR = 1.5
"""A step between energies this much wider than both its neighbours is a gap; steps of a plan widen and narrow once."""

PIXEL_SIZE_SPREAD = 1e-3
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


def with_problems(report: ScanReport, *, notes: Sequence[str] = (), out_of_order: str | None = None) -> ScanReport:
    """Report with everything that looks wrong, worst first.

    Parameters
    ----------
    report
        Figures of the scan.
    notes
        What the reader had to assume, told as it is.
    out_of_order
        Which energy is out of order, where a run would refuse that.

    Returns
    -------
    The same report with `problems` filled in: errors before warnings before notes.
    """
    found = [problem for rule in _RULES for problem in rule(report)]
    if out_of_order is not None:
        found.append(Problem(severity="error", finding=out_of_order, remedy=ORDER_REMEDY))
    found += [_note_problem(note) for note in notes if note != SORTED_NOTE or out_of_order is None]
    in_order = sorted(found, key=lambda problem: SEVERITIES.index(problem.severity))
    return dataclasses.replace(report, problems=tuple(in_order))


def _note_problem(note: str) -> Problem:
    if note == SORTED_NOTE:
        remedy = "Check that all files belong to one scan; a run asks for --sort-energies as well."
        return Problem(severity="warning", finding=note, remedy=remedy)
    return Problem(severity="note", finding=note, remedy="Check that this is right.")


def _flat_problems(report: ScanReport) -> Iterable[Problem]:
    usual = float(np.median([row.flat_counts for row in report.energies]))
    copy = "Copy the flats of a neighbouring energy into the file, or leave it out."
    yield from _for_files(report, _no_flats, "error", "no usable flats", copy)
    yield from _for_files(
        report,
        lambda row: not np.isfinite(row.flat_counts + row.projection_counts),
        "error",
        "NaN, infinite or absurdly large counts",
        "Export the raw counts again, or leave these energies out.",
    )
    yield from _for_files(
        report,
        lambda row: not _no_flats(row) and row.flat_counts < LOST_BEAM * usual,
        "warning",
        f"flats below {LOST_BEAM:.0%} of the median of the scan: the beam was lost",
        "Leave these energies out.",
    )
    yield from _for_files(
        report,
        lambda row: not _no_flats(row) and row.projection_counts > BRIGHT_PROJECTION * row.flat_counts,
        "warning",
        "a first projection brighter than the flats",
        "The beam changed or the sample was in the flats: normalise with the air beside the sample.",
    )
    yield from _for_files(
        report,
        lambda row: row.n_flats < MIN_FLATS,
        "warning",
        f"fewer than {MIN_FLATS} flats, too few to measure the noise of the detector",
        "The noise is then estimated from the projections; record 10 flats or more.",
    )


def _pixel_problems(report: ScanReport) -> Iterable[Problem]:
    warned, refused = BAD_PIXELS
    yield from _for_files(
        report,
        lambda row: row.dead + row.saturated > refused,
        "error",
        f"more than {refused:.0%} dead or saturated pixels",
        "Cut the region without beam, or lower the exposure.",
    )
    yield from _for_files(
        report,
        lambda row: warned < row.dead + row.saturated <= refused,
        "warning",
        f"more than {warned:.0%} dead or saturated pixels",
        "They are filled from their neighbours; lower the exposure if they are saturated.",
    )


def _angle_problems(report: ScanReport) -> Iterable[Problem]:
    yield from _for_files(
        report,
        lambda row: row.n_angles == 1,
        "error",
        "a single projection, of which no slice can be made",
        "Give the folder that holds the projections of all angles.",
    )
    yield from _for_files(
        report,
        lambda row: 1 < row.n_angles < MIN_PROJECTIONS,
        "error",
        f"fewer than {MIN_PROJECTIONS} projections, of which no slice of use can be made",
        "If the scan was stopped early, leave these energies out.",
    )
    if min(row.n_angles for row in report.energies) < MIN_PROJECTIONS:
        return
    if report.missing_wedge_deg > MISSING_WEDGE_DEG:
        yield Problem(
            severity="warning",
            finding=f"The directions leave out a wedge of {report.missing_wedge_deg:.0f} degrees.",
            remedy="Shapes are stretched along it: trust phases more than shapes, or record 180 degrees.",
        )
    numbers = [row.n_angles for row in report.energies]
    if min(numbers) != max(numbers):
        yield Problem(
            severity="note",
            finding=f"The energies have {min(numbers)} to {max(numbers)} projections.",
            remedy="Each energy is reconstructed from its own angles; check that no scan was stopped early.",
        )
    warned, noted = FEW_ANGLES
    if min(numbers) < noted * report.n_angles_crowther:
        yield Problem(
            severity="warning" if min(numbers) < warned * report.n_angles_crowther else "note",
            finding=(
                f"{min(numbers)} projections, where {report.n_angles_crowther} would resolve one pixel over "
                "the whole frame."
            ),
            remedy="Bin the frames, or accept streaks away from the rotation axis.",
        )


def _energy_problems(report: ScanReport) -> Iterable[Problem]:
    low, high = report.energies[0].energy_ev, report.energies[-1].energy_ev
    if len(report.energies) < 2:
        yield Problem(
            severity="error",
            finding="Only one energy.",
            remedy="It can be looked at and converted; a phase map needs two or more: give the folder of all energies.",
        )
        return
    if report.edge is None:
        yield Problem(
            severity="warning",
            finding=f"No K or L3 absorption edge lies between {low:.1f} and {high:.1f} eV.",
            remedy="Check the unit of the energies (keV in FXI files) and that the files span the edge.",
        )
    if len(report.energies) < MIN_ENERGIES:
        yield Problem(
            severity="warning",
            finding=f"Only {len(report.energies)} energies.",
            remedy="Two phases and a constant background need 3 or more, and errors can be judged from 5.",
        )


def _gap_problems(report: ScanReport) -> Iterable[Problem]:
    """Energies that seem to be missing between two of the scan."""
    energies = np.array([row.energy_ev for row in report.energies])
    steps = np.diff(energies)
    inner = steps[1:-1]
    gaps = 1 + np.flatnonzero(inner > GAP_FACTOR * np.maximum(steps[:-2], steps[2:]))
    if gaps.size:
        first = int(gaps[np.argmax(steps[gaps])])
        more = f"; {gaps.size} such gaps, this is the widest" if gaps.size > 1 else ""
        yield Problem(
            severity="warning",
            finding=(
                f"No energy between {energies[first]:.2f} and {energies[first + 1]:.2f} eV, where its neighbours are "
                f"{steps[first - 1]:.2f} and {steps[first + 1]:.2f} eV apart{more}."
            ),
            remedy="Check that no file was lost on copying; the fit does without these energies.",
        )


def _photon_problems(report: ScanReport) -> Iterable[Problem]:
    if report.photons is not None and report.photons < LOW_PHOTONS:
        yield Problem(
            severity="warning",
            finding=f"About {report.photons:.0f} photons per pixel in the flats.",
            remedy="Bin the frames or expose longer: the error of the fractions goes with one over its root.",
        )


def _size_problems(report: ScanReport) -> Iterable[Problem]:
    sizes = [row.pixel_size_nm for row in report.energies if row.pixel_size_nm is not None]
    if not sizes:
        yield Problem(
            severity="warning",
            finding="No file records a pixel size.",
            remedy="Give pixel_size_nm: without it attenuation has no unit and the amounts no scale.",
        )
    elif max(sizes) / min(sizes) - 1 > PIXEL_SIZE_SPREAD:
        yield Problem(
            severity="warning",
            finding=f"The pixel size changes from {min(sizes):.3f} to {max(sizes):.3f} nm over the energies.",
            remedy="The magnification drifts with energy: align the energies with magnification.",
        )


def _no_flats(row: EnergyReport) -> bool:
    placeholder = row.flat_counts <= PLACEHOLDER_COUNTS and row.projection_counts > PROJECTION_COUNTS
    return row.flat_counts <= 0 or placeholder


def _for_files(
    report: ScanReport, rule: Callable[[EnergyReport], bool], severity: Severity, finding: str, remedy: str
) -> Iterable[Problem]:
    """One problem for all files a rule holds for: the first is named, the rest counted."""
    files = [row.file for row in report.energies if rule(row)]
    if files:
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        yield Problem(severity=severity, finding=f"{files[0]}{more}: {finding}.", remedy=remedy)


_RULES: tuple[Callable[[ScanReport], Iterable[Problem]], ...] = (
    _flat_problems,
    _pixel_problems,
    _angle_problems,
    _energy_problems,
    _gap_problems,
    _photon_problems,
    _size_problems,
)
