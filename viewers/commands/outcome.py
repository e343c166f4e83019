"""What commands that make a result print about it."""

from __future__ import annotations

import math

import typer
from rich.console import Console

from xanesmap.phasemap.result import PhaseMap
from xanesmap.reconstruct.alignment.report import AlignmentReport
from xanesmap.viewers.commands.tables import phases_table


def print_outcome(result: PhaseMap) -> None:
    """Print notes, the table of phases and the path of a result."""
    for warning in result.warnings:
        typer.echo(f"Note: {warning}")
    Console(width=max(Console().width, 100)).print(phases_table(result), highlight=False)
    typer.echo(f"Result: {result.path}")


def alignment_lines(report: AlignmentReport) -> list[str]:
    """What an alignment found and did, a line each."""
    along_v, along_u = report.rms_shift_px
    rim = (report.magnification.max() - report.magnification.min()) * report.detector_shape[1] / 2
    size = report.correlation.resolution_um
    resolution = (
        f"{1000 * report.correlation.finest_um:.0f} nm (two voxels) or better"
        if size is None
        else f"{1000 * size:.0f} nm"
    )
    sigma = report.rms_sigma_px
    known = f"known to {sigma:.3f} px" if math.isfinite(sigma) else "this method does not tell how well"
    return [
        f"Frames         {report.n_frames}, of which {report.n_left_out} left out",
        f"Displacement   {along_v:.2f} px rms along v, {along_u:.2f} px along u; {known}",
        f"Rotation axis  column {report.centre_px.min():.2f} to {report.centre_px.max():.2f}",
        f"Magnification  changes by {rim:.2f} px at the rim of the field",
        f"Sharpness      {report.sharpness_gain:.2f} times that of the frames as recorded",
        f"Resolution     {resolution} (odd against even angles, half bit)",
    ]
