"""The command `xanesmap`.

It stands in the top layer because it drives everything below: simulation, the main job and the figures.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from xanesmap.errors import DataError
from xanesmap.viewers.commands import run_options as options
from xanesmap.viewers.commands.align_command import align
from xanesmap.viewers.commands.combinations_command import combinations
from xanesmap.viewers.commands.denoise_command import denoise
from xanesmap.viewers.commands.energies_command import energies
from xanesmap.viewers.commands.failures import failure_of
from xanesmap.viewers.commands.fit_command import fit
from xanesmap.viewers.commands.movie_command import movie
from xanesmap.viewers.commands.option_groups import RECORDED, SPECTRA, taking
from xanesmap.viewers.commands.picture_command import picture
from xanesmap.viewers.commands.progress_bar import progress_bars
from xanesmap.viewers.commands.second_opinion_command import second_opinion
from xanesmap.viewers.commands.segment_command import segment
from xanesmap.viewers.commands.spectra_command import spectra
from xanesmap.viewers.commands.unmix_command import unmix
from xanesmap.viewers.commands.view_command import view

app = typer.Typer(
    name="xanesmap",
    help="From a XANES tomography scan to a 3D phase map with error bars.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_INTERRUPTED = 130  # 128 + SIGINT, as shells count; typer exits with it


@dataclasses.dataclass(slots=True)
class _Options:
    """Options before the command; typer fills them in before any command runs."""

    debug: bool = False


_OPTIONS = _Options()


def _version(asked: bool) -> None:
    if asked:
        from xanesmap import __version__

        typer.echo(f"xanesmap {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and debug messages.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version
    _OPTIONS.debug = debug
    level = logging.DEBUG if debug else logging.WARNING
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    logging.getLogger("xanesmap").setLevel(level)


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="Folder for the scan; the truth goes to its subfolder truth/.")],
    preset: Annotated[str, typer.Option(help="small, seed-like or rough (everything wrong at once).")] = "small",
    format: Annotated[str, typer.Option(help="File layout: fxi, dataexchange, nxtomo or tiff.")] = "fxi",
    seed: Annotated[int, typer.Option(help="Same seed, same scan.")] = 0,
    photons: Annotated[float | None, typer.Option(help="Photons per pixel and frame.")] = None,
    disturb: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE, such as jitter_px=1 or energy_offset_ev=1.5; repeatable."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier simulated scan.")] = False,
) -> None:
    """Write a simulated beamline scan with its exact truth beside it."""
    from xanesmap.phasemap.simulation import simulate_scan

    overrides = {} if photons is None else {"photons": photons}
    with progress_bars(_console()) as progress:
        scan = simulate_scan(
            out,
            preset=preset,  # type: ignore[arg-type]  # checked with a sentence of its own
            format=format,  # type: ignore[arg-type]
            seed=seed,
            disturbances=_numbers(disturb or []),
            overwrite=overwrite,
            progress=lambda done, total: progress("Simulate scan", done, total),
            **overrides,
        )
    typer.echo(f"{len(scan.files)} energies written to {scan.folder}, truth in {scan.truth_file}")


@app.command()
@taking(recorded=RECORDED)
def info(
    scan: Annotated[list[str], typer.Argument(help="Folder, glob pattern or files of a scan; or volumes.")],
    recorded: dict[str, Any],
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Print what a scan, or reconstructed volumes, hold and what looks wrong with them."""
    from xanesmap.viewers.commands.inspection_report import print_inspection

    sort_energies = bool(recorded.pop("sort_energies"))
    print_inspection(scan, as_json=as_json, sort_energies=sort_energies, stated=recorded)


@app.command()
@taking(recorded=RECORDED)
def convert(
    scan: Annotated[list[str], typer.Argument(help="Folder, glob pattern or files of a scan.")],
    out: Annotated[Path, typer.Argument(help="Folder for the converted scan, new or empty.")],
    recorded: dict[str, Any],
    format: Annotated[str, typer.Option(help="dataexchange, nxtomo, tiff or fxi.")] = "dataexchange",
) -> None:
    """Write a scan in another file format, one file per energy."""
    from xanesmap.phasemap.conversion import convert_scan

    with progress_bars(_console()) as progress:
        files = convert_scan(
            scan if len(scan) > 1 else scan[0],
            out,
            format=format,  # type: ignore[arg-type]  # checked with a sentence of its own
            **{**recorded, "sort_energies": bool(recorded["sort_energies"])},
            progress=progress,
        )
    typer.echo(f"{len(files)} energies written to {out}, {files[0].name} to {files[-1].name}")


@app.command()
@taking(spectra=SPECTRA, recorded=RECORDED)
def run(
    scan: Annotated[
        list[str],
        typer.Argument(help="Folder, glob pattern or files of a scan or of volumes; or a configuration .toml."),
    ],
    spectra: dict[str, Any],
    recorded: dict[str, Any],
    out: options.Out = None,
    engine: Annotated[str | None, typer.Option(help="auto, fourier or tomopy.")] = None,
    memory: options.Memory = None,
    keep_mu: options.KeepMu = None,
    centre: Annotated[float | None, typer.Option(help="Detector column of the rotation axis, pixels.")] = None,
    volume_unit: options.Unit = None,
    filter: Annotated[str | None, typer.Option(help="ramlak, shepp, cosine or hann.")] = None,
    stripes: Annotated[str | None, typer.Option(help="Stripe removal: none, sorting or all.")] = None,
    align: options.Align = None,
    alignment: options.KeptAlignment = None,
    magnification: options.Magnification = None,
    roll: options.Roll = None,
    threshold: options.Threshold = None,
    threads: options.Threads = None,
    overwrite: options.Overwrite = None,
) -> None:
    """Make the phase map of a scan, or of volumes that are reconstructed already."""
    from xanesmap.phasemap.pipeline import run as run_job
    from xanesmap.viewers.commands.outcome import print_outcome

    flags: dict[str, Any] = {
        "out": out,
        "memory": memory,
        "keep_mu": keep_mu,
        "threads": threads,
        "overwrite": overwrite,
        "reconstruct": {
            "engine": engine,
            "filter": filter,
            "centre_px": centre,
            "stripes": stripes,
            "volume_unit": volume_unit,
            **recorded,
        },
        "align": {
            "method": align,
            "file": alignment,
            "magnification": magnification,
            "roll": "fit" if roll else None,
        },
        "spectra": spectra,
        "phasemap": {"pure_threshold": threshold},
    }
    config = options.configuration(scan, flags)
    with progress_bars(_console()) as progress:
        result = run_job(config, progress=progress)
    print_outcome(result)


app.command()(align)
app.command()(fit)
app.command()(spectra)
app.command()(combinations)
app.command()(energies)
app.command()(segment)
app.command("second-opinion")(second_opinion)
app.command()(unmix)
app.command()(denoise)
app.command()(view)
app.command()(movie)
app.command()(picture)


@app.command()
def figures(
    result: Annotated[Path, typer.Argument(help="Result folder, ending in .zarr.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the pictures; beside the result when not given.")] = None,
    dpi: Annotated[int, typer.Option(min=50, max=1200, help="Resolution of the pictures.")] = 200,
) -> None:
    """Draw slices, labels, spectra, histograms and error bars of a result."""
    from xanesmap.phasemap.result import open_result
    from xanesmap.viewers.figures import save_figures

    opened = open_result(result)
    for path in save_figures(opened, out or result.with_name(result.stem + "_figures"), dpi=dpi):
        typer.echo(str(path))


@app.command()
def demo(
    out: Annotated[Path, typer.Argument(help="Folder for scan, result and pictures.")] = Path("demo"),
    preset: Annotated[str, typer.Option(help="small, seed-like or rough (everything wrong at once).")] = "rough",
    seed: Annotated[int, typer.Option(help="Same seed, same scan.")] = 0,
) -> None:
    """Simulate a scan, map its phases, compare with the truth and draw the figures."""
    from xanesmap.viewers.commands.outcome import print_outcome
    from xanesmap.viewers.commands.tables import accuracy_table
    from xanesmap.viewers.demonstration import demonstrate

    with progress_bars(_console()) as progress:
        shown = demonstrate(out, preset=preset, seed=seed, progress=progress)
    print_outcome(shown.result)
    typer.echo("Accuracy against the known truth, two voxels away from every surface:")
    Console(width=120).print(accuracy_table(shown.accuracy, phase=shown.result.phases[0]), highlight=False)
    typer.echo("Pictures:")
    for path in shown.pictures:
        typer.echo(f"  {path}")


def _console() -> Console:
    return Console(stderr=True)


def _numbers(items: list[str]) -> dict[str, float] | None:
    pairs = options.named_values(items, "--disturb")
    try:
        return {name: float(value) for name, value in pairs.items()} or None
    except ValueError:
        message = f"--disturb needs numbers, found {', '.join(items)}; write it like jitter_px=1."
        raise DataError(message) from None


def main() -> None:
    """Run the command line; bad input ends in one line and exit code 2."""
    try:
        app()
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            typer.echo("Interrupted: no result was written, and an earlier one is as it was.", err=True)
        raise
    except Exception as error:
        if _OPTIONS.debug:
            raise
        failure = failure_of(error)
        typer.echo(failure.text, err=True)
        sys.exit(failure.code)
