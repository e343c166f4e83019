"""The command `xanesmap segment`: phases, particles, cores and shells of a result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from xanesmap.errors import DataError
from xanesmap.viewers.commands import run_options as options
from xanesmap.viewers.commands.progress_bar import progress_bars

if TYPE_CHECKING:
    from xanesmap.phasemap.result import PhaseMap


def segment(
    result: Annotated[Path, typer.Argument(help="Result folder, ending in .zarr.")],
    method: Annotated[str | None, typer.Option(help="threshold, mixture or random-field.")] = None,
    labels: Annotated[
        str | None, typer.Option(help="found, or edited: those painted in napari in place of the ones found.")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Fraction from which a voxel is one phase.")] = None,
    mask_threshold: Annotated[
        float | None, typer.Option(help="Leave voxels with a smaller edge step out of the sample, 1/um.")
    ] = None,
    core: Annotated[str | None, typer.Option(help="Phase of the core; the first one when not given.")] = None,
    resolution_nm: Annotated[
        float | None, typer.Option(help="Resolution (full width at half maximum), nm; measured when not given.")
    ] = None,
    smoothing_px: Annotated[float | None, typer.Option(help="Denoising, standard deviation in voxels.")] = None,
    neck: Annotated[float | None, typer.Option(help="Split particles at necks narrower than this share.")] = None,
    least_voxels: Annotated[int | None, typer.Option(help="Smaller parts are fragments.")] = None,
    null_draws: Annotated[
        int | None, typer.Option(help="Evenly shrunk cores drawn for each particle; 0 leaves them out.")
    ] = None,
    error_draws: Annotated[
        int | None, typer.Option(help="Draws of the noise for the errors of shell and front; 0 leaves them out.")
    ] = None,
    coupling: Annotated[
        float | None, typer.Option(help="Log odds that a neighbour of the same label adds in the random field.")
    ] = None,
    largest_box_px: Annotated[int | None, typer.Option(help="Largest box of the sampling statistics, voxels.")] = None,
    axis: Annotated[
        list[str] | None, typer.Option(help="NAME=z,y,x: a direction, such as of the crystal; repeatable.")
    ] = None,
    line: Annotated[list[str] | None, typer.Option(help="NAME=z,y,x:z,y,x in um: a profile; repeatable.")] = None,
    line_radius_um: Annotated[float | None, typer.Option(help="Radius over which lines are averaged, um.")] = None,
    box: Annotated[list[str] | None, typer.Option(help="NAME=z,y,x:z,y,x in um: a mean; repeatable.")] = None,
    figures: options.Figures = None,
    threads: options.Threads = None,
) -> None:
    """Find phases, particles, cores and shells; labels, tables and surfaces go into the result."""
    from xanesmap.phasemap.morphology.job import segment_phases

    settings: dict[str, Any] = {
        "method": method,
        "labels": labels,
        "pure_threshold": threshold,
        "mask_threshold_per_um": mask_threshold,
        "core_phase": core,
        "resolution_nm": resolution_nm,
        "smoothing_px": smoothing_px,
        "neck": neck,
        "least_voxels": least_voxels,
        "null_draws": null_draws,
        "error_draws": error_draws,
        "coupling": coupling,
        "largest_box_px": largest_box_px,
        "axes": {name: points[0] for name, points in named_points(axis, "--axis", count=1).items()} or None,
        "lines": named_points(line, "--line", count=2),
        "line_radius_um": line_radius_um,
        "boxes": named_points(box, "--box", count=2),
        "threads": threads,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    with progress_bars(Console(stderr=True)) as progress:
        segmented = segment_phases(result, progress=progress, **given)
    _report(segmented)
    if figures is not None:
        from xanesmap.viewers.drawing.morphology_figures import save_morphology_figures

        for path in save_morphology_figures(segmented, figures):
            typer.echo(f"Picture: {path}")


def _report(result: PhaseMap) -> None:
    from xanesmap.viewers.commands.morphology_report import core_shell_lines, is_flat, particles_report

    facts = result.attributes["segmentation"]
    for warning in facts["warnings"]:
        typer.echo(f"Note: {warning}")
    wide = Console(width=max(Console().width, 120))
    if facts["particles"]:
        wide.print(particles_report(result), highlight=False)
        if not is_flat(result):
            wide.print(core_shell_lines(result), highlight=False)
    source = {"given": "as given", "surfaces": "from the particles' surfaces", "unknown": "assumed"}
    typer.echo(f"Resolution {facts['resolution_fwhm_nm']:.0f} nm (FWHM), {source[facts['blur_source']]}")
    typer.echo(f"Result: {result.path}, tables in {result.path / 'tables'}")


def named_points(items: list[str] | None, option: str, *, count: int) -> dict[str, tuple[tuple[float, ...], ...]]:
    """`NAME=z,y,x:z,y,x` items as a mapping to points.

    Parameters
    ----------
    items
        Texts as given.
    option
        Name of the option, for messages.
    count
        Points in each.

    Raises
    ------
    DataError
        A text that is not of this form, or a name given twice.
    """
    form = "NAME=" + ":".join(["z,y,x"] * count)
    found: dict[str, tuple[tuple[float, ...], ...]] = {}
    for item in items or []:
        name, _, text = item.partition("=")
        points = _points(text)
        if not name.strip() or len(points) != count or any(len(point) != 3 for point in points):
            message = f"{option} {item!r} is not of the form {form}."
            raise DataError(message)
        if name.strip() in found:
            message = f"{option} names {name.strip()!r} twice; give each once."
            raise DataError(message)
        found[name.strip()] = points
    return found


def _points(text: str) -> tuple[tuple[float, ...], ...]:
    try:
        return tuple(tuple(float(number) for number in point.split(",")) for point in text.split(":"))
    except ValueError:
        return ()
