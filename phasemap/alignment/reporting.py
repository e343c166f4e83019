"""What an alignment did to a scan: the report, made from the scan and kept beside the alignment."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.alignment.store import ALIGNMENT_GROUP
from xanesmap.phasemap.config import RunConfig
from xanesmap.phasemap.mapping.slab_frames import FrameCorrection, aligned_frames, recorded_frames
from xanesmap.phasemap.mapping.survey import detector_noise
from xanesmap.phasemap.progress import Progress
from xanesmap.phasemap.storage.provenance import as_json
from xanesmap.reconstruct.alignment.displacement import Alignment
from xanesmap.reconstruct.alignment.report import AlignmentReport, make_report
from xanesmap.reconstruct.alignment.shell_correlation import ShellCorrelation
from xanesmap.reconstruct.scan import Scan

REPORT_GROUP = "report"

_NOISE_ROWS = 64
_RAGGED = ("angles_deg", "shift_px", "kept", "sigma_px")  # one array per energy
_CORRELATIONS = ("correlation_before", "correlation")


def report_alignment(
    scan: Scan, alignment: Alignment, config: RunConfig, *, pixel_size_um: float, progress: Progress
) -> AlignmentReport:
    """Compare a scan with itself before its alignment.

    Parameters
    ----------
    scan
        The scan.
    alignment
        Of the scan.
    config
        Its section `reconstruct`.
    pixel_size_um
        Edge of a pixel, um.
    progress
        Called after each energy.

    Raises
    ------
    DataError
        Frames that cannot be read or corrected.
    """
    settings = config.reconstruct

    @cache
    def correction(index: int) -> FrameCorrection:
        tomogram = scan.tomograms[index]
        middle = tomogram.n_rows // 2
        band = tomogram.read_rows(max(middle - _NOISE_ROWS // 2, 0), min(middle + _NOISE_ROWS // 2, tomogram.n_rows))
        return FrameCorrection(
            noise=detector_noise(band)[0],
            zinger_sigma=settings.zinger_sigma,
            stripes=settings.stripes,
            filter_name=settings.filter,
        )

    def before(index: int, rows: slice) -> NDArray[np.float32]:
        frames = recorded_frames(scan.tomograms[index], correction(index), start=rows.start, stop=rows.stop)
        level = alignment.air_level[index, : len(frames.values), None, None]
        return np.asarray(frames.values - level, np.float32)

    def after(index: int, rows: slice) -> NDArray[np.float32]:
        tomogram, how = scan.tomograms[index], correction(index)
        return aligned_frames(tomogram, how, alignment, index=index, start=rows.start, stop=rows.stop).values

    return make_report(
        before,
        after,
        alignment=alignment,
        angles_rad=[np.asarray(tomogram.angles_rad, np.float64) for tomogram in scan.tomograms],
        energies_ev=scan.energies_ev,
        pixel_size_um=pixel_size_um,
        energy_done=lambda done, total: progress("Judge alignment", done, total),
    )


def write_report(folder: Path, report: AlignmentReport) -> None:
    """Add the report to the group `alignment` of a store that is being written."""
    group = zarr.open_group(folder / ALIGNMENT_GROUP, mode="r+").create_group(REPORT_GROUP)
    numbers: dict[str, Any] = {}
    for field in dataclasses.fields(report):
        value = getattr(report, field.name)
        if isinstance(value, np.ndarray):
            group.create_array(field.name, data=value)
        elif field.name not in _RAGGED and field.name not in _CORRELATIONS:
            numbers[field.name] = value
    for name in _CORRELATIONS:
        numbers[name] = dataclasses.asdict(getattr(report, name))
    numbers["resolution_um"] = report.correlation.resolution_um
    numbers["sharpness_gain"] = report.sharpness_gain
    group.attrs["report"] = as_json(numbers)


def read_report(path: Path) -> AlignmentReport | None:
    """Report of the alignment in a store; None where there is none.

    Raises
    ------
    DataError
        It is there, but damaged.
    """
    folder = path / ALIGNMENT_GROUP
    if not (folder / REPORT_GROUP).is_dir():
        return None
    try:
        return _read(folder)
    except (KeyError, ValueError, TypeError, OSError) as error:
        message = f"The report of the alignment in {path} is damaged ({error}); make it again with 'xanesmap align'."
        raise DataError(message) from error


def _read(folder: Path) -> AlignmentReport:
    group = zarr.open_group(folder, mode="r")
    report = zarr.open_group(folder / REPORT_GROUP, mode="r")
    numbers: dict[str, Any] = dict(report.attrs["report"])  # type: ignore[arg-type]
    values: dict[str, Any] = {field.name: numbers.get(field.name) for field in dataclasses.fields(AlignmentReport)}
    values |= {name: np.asarray(report[name]) for name in report.array_keys()}
    values |= {name: _correlation(numbers[name]) for name in _CORRELATIONS}
    angles = np.asarray(group["angles_rad"])
    measured = [np.isfinite(row) for row in angles]
    stored = {"angles_deg": np.rad2deg(angles), "shift_px": np.asarray(group["shift_px"])}
    stored |= {"kept": np.asarray(group["kept"]).astype(bool), "sigma_px": np.asarray(group["residual_px"])}
    values |= {name: tuple(a[m] for a, m in zip(array, measured, strict=True)) for name, array in stored.items()}
    values["detector_shape"] = tuple(numbers["detector_shape"])
    return AlignmentReport(**values)


def _correlation(numbers: dict[str, Any]) -> ShellCorrelation:
    fields: dict[str, Any] = {field.name: numbers[field.name] for field in dataclasses.fields(ShellCorrelation)}
    for name, value in fields.items():
        fields[name] = np.asarray(value, float) if isinstance(value, list) else value
    return ShellCorrelation(**fields)
