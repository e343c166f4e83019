"""Options that several commands share, and how their texts become settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from xanesmap.errors import DataError
from xanesmap.phasemap.config import RunConfig, make_config, merge, read_config_file
from xanesmap.viewers.commands.number_lists import numbers_from

_LISTS = "a text file with one number per line, FILE:COLUMN, or numbers and start:stop:step with commas"

Energies = Annotated[
    str | None, typer.Option("--energies-ev", help=f"Photon energies in place of those of the files, eV: {_LISTS}.")
]
Angles = Annotated[
    str | None, typer.Option("--angles-deg", help=f"Rotation angles in place of those of the files, degrees: {_LISTS}.")
]
PixelSize = Annotated[float | None, typer.Option("--pixel-size-nm", help="Pixel size in the sample, nm.")]
CameraBinning = Annotated[
    int | None, typer.Option("--camera-binning", help="Pixels of the camera added up, in place of what the files say.")
]
Times = Annotated[
    str | None,
    typer.Option(
        "--times-s", help=f"Start of every energy in place of that of the files, seconds since 1970: {_LISTS}."
    ),
]
SortEnergies = Annotated[bool | None, typer.Option("--sort-energies", help="Accept energies out of order.")]
References = Annotated[
    list[str] | None,
    typer.Option(
        "--reference", help="PHASE=FILE (lib.nor:column picks a column) or PHASE=bundled; repeatable, in order."
    ),
]
Out = Annotated[str | None, typer.Option("--out", help="Result folder, ending in .zarr.")]
Memory = Annotated[str | None, typer.Option("--memory", help="Memory the run may use, such as 4GB.")]
KeepMu = Annotated[bool | None, typer.Option("--keep-mu/--no-keep-mu", help="Keep the attenuation at every energy.")]
EnergyOffset = Annotated[
    str | None,
    typer.Option(
        "--energy-offset",
        help="Added to the recorded energies, eV, to meet the references' scale; or fit (default), fit-drift.",
    ),
]
Foil = Annotated[
    str | None,
    typer.Option("--foil", help="Spectrum of a metal foil, FILE or FILE:COLUMN, that sets the offset instead."),
]
Normalise = Annotated[
    str | None,
    typer.Option("--normalisation", help="In place of a background: constant, global-slope or line of the pre-edge."),
]
BadEnergies = Annotated[
    str | None, typer.Option("--bad-energies", help="keep, or reject those at which the summed spectrum does not fit.")
]
Background = Annotated[str | None, typer.Option("--background", help="none, constant, linear or victoreen.")]
Constraint = Annotated[str | None, typer.Option("--constraint", help="free, non-negative or sum-to-one.")]
Threshold = Annotated[float | None, typer.Option("--threshold", help="Fraction from which a voxel is one phase.")]
Unit = Annotated[
    str | None,
    typer.Option("--volume-unit", help="Unit of attenuation in volumes: 1/um, 1/mm, 1/cm, 1/m or 1/pixel."),
]
Align = Annotated[
    str | None, typer.Option("--align", help="Alignment of the frames: auto, projection-matching or none.")
]
KeptAlignment = Annotated[
    str | None, typer.Option("--alignment", help="Alignment to use: output of 'xanesmap align', or a result.")
]
Magnification = Annotated[
    str | None,
    typer.Option("--magnification", help="Change of magnification over energy: fit, recorded, zone-plate or none."),
]
Roll = Annotated[bool | None, typer.Option("--roll", help="Fit a rotation of the detector against the rotation axis.")]
Figures = Annotated[Path | None, typer.Option("--figures", help="Folder for pictures; none are drawn when not given.")]
Threads = Annotated[int | None, typer.Option("--threads", help="Threads; all cores when not given.")]
Overwrite = Annotated[bool | None, typer.Option("--overwrite", help="Replace an earlier result.")]


def energies_of(text: str | None) -> tuple[float, ...] | None:
    """Photon energies, eV, of `--energies-ev`; None where it is not given."""
    return None if text is None else numbers_from(text, option="--energies-ev")


def angles_of(text: str | None) -> tuple[float, ...] | None:
    """Rotation angles, degrees, of `--angles-deg`; None where it is not given."""
    return None if text is None else numbers_from(text, option="--angles-deg")


def times_of(text: str | None) -> tuple[float, ...] | None:
    """Starts of the energies, seconds since 1970, of `--times-s`; None where it is not given."""
    return None if text is None else numbers_from(text, option="--times-s")


def recorded_settings(
    *,
    energies_ev: str | None = None,
    angles_deg: str | None = None,
    pixel_size_nm: float | None = None,
    camera_binning: int | None = None,
    times_s: str | None = None,
    sort_energies: bool | None = None,
) -> dict[str, Any]:
    """What is stated in place of the files, of the section `reconstruct` of a configuration; None for what is not."""
    return {
        "energies_ev": energies_of(energies_ev),
        "angles_deg": angles_of(angles_deg),
        "pixel_size_nm": pixel_size_nm,
        "camera_binning": camera_binning,
        "times_s": times_of(times_s),
        "sort_energies": sort_energies,
    }


def configuration(scan: list[str], flags: Mapping[str, Any]) -> RunConfig:
    """Settings of a run: those of a configuration file where one was given, with what the flags say on top.

    Raises
    ------
    DataError
        A file that is no configuration, or settings that cannot be used.
    """
    from_file = len(scan) == 1 and scan[0].lower().endswith(".toml")
    base = read_config_file(scan[0]) if from_file else {"scan": scan}
    return make_config(merge(base, flags))


def spectra_settings(
    *,
    reference: list[str] | None,
    energy_offset: str | None,
    background: str | None = None,
    constraint: str | None = None,
    foil: str | None = None,
    normalisation: str | None = None,
    bad_energies: str | None = None,
) -> dict[str, Any]:
    """Section `spectra` of a configuration; None for what is not given."""
    return {
        "references": named_values(reference, "--reference") if reference else None,
        "energy_offset_ev": energy_offset,
        "background": background,
        "constraint": constraint,
        "foil": foil,
        "normalisation": normalisation,
        "bad_energies": bad_energies,
    }


def named_values(items: list[str], option: str) -> dict[str, str]:
    """`NAME=VALUE` items as a mapping.

    Parameters
    ----------
    items
        What was given.
    option
        Name of the option, for messages.

    Raises
    ------
    DataError
        An item of another form, or a name given twice.
    """
    pairs: dict[str, str] = {}
    for item in items:
        name, separator, value = item.partition("=")
        if not (separator and name.strip() and value.strip()):
            message = f"{option} {item!r} is not of the form NAME=VALUE."
            raise DataError(message)
        if name.strip() in pairs:
            message = f"{option} names {name.strip()!r} twice; give each once."
            raise DataError(message)
        pairs[name.strip()] = value.strip()
    return pairs
