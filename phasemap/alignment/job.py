"""Alignment by itself: from a scan to `alignment.zarr`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xanesmap.errors import DataError
from xanesmap.phasemap.alignment.choice import alignment_notes
from xanesmap.phasemap.alignment.reporting import report_alignment, write_report
from xanesmap.phasemap.alignment.scan_alignment import align_scan
from xanesmap.phasemap.alignment.store import write_alignment
from xanesmap.phasemap.config import RunConfig
from xanesmap.phasemap.mapping.preparation import combination_model, load_references, pixel_size_um
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.scan_input import open_scan_input
from xanesmap.phasemap.storage.destination import check_destination
from xanesmap.phasemap.storage.provenance import provenance
from xanesmap.reconstruct.alignment.displacement import Alignment
from xanesmap.reconstruct.alignment.report import AlignmentReport


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentOutcome:
    """An alignment on disk.

    Parameters
    ----------
    path
        Where it is.
    alignment
        Where every frame lies.
    report
        What it did to the scan.
    notes
        What looks wrong, one sentence each.
    """

    path: Path
    alignment: Alignment
    report: AlignmentReport
    notes: tuple[str, ...]


def align(config: RunConfig, *, progress: Progress = no_progress) -> AlignmentOutcome:
    """Align the scan of a configuration and write the alignment to its `out`.

    Raises
    ------
    DataError
        A scan that cannot be read or aligned, or a path that cannot take the result; an earlier one is as it was.
    FitError
        References that cannot be told apart at the energies of the scan.
    """
    if config.align.method == "none":
        message = "An alignment was asked for with method 'none'. Leave the method out, or give projection-matching."
        raise DataError(message)
    out = config.out_path
    check_destination(out, overwrite=config.overwrite)
    scan = open_scan_input(config)
    references = load_references(config)
    combination_model(scan, references, config)
    size_um = pixel_size_um(scan, config)
    alignment = align_scan(scan, references, config, progress=progress)
    report = report_alignment(scan, alignment, config, pixel_size_um=size_um, progress=progress)
    notes = (*scan.notes, *alignment_notes(alignment, scan))
    facts = provenance(
        config,
        [tomogram.source for tomogram in scan.tomograms],
        engine_name="fourier",
        engine_version="",
        references=references,
    )
    write_alignment(
        out,
        alignment,
        scan,
        attributes={**facts, "warnings": notes},
        extend=lambda folder: write_report(folder, report),
        overwrite=config.overwrite,
    )
    return AlignmentOutcome(path=out, alignment=alignment, report=report, notes=notes)
