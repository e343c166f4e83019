"""Everything a run can be told, in one frozen tree; read from TOML, from the command line or from Python."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import psutil
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from xanesmap.errors import DataError
from xanesmap.phasemap.storage.layers import MIXED
from xanesmap.reconstruct.acquisition import LARGEST_BINNING
from xanesmap.reconstruct.engines import EngineName, FilterName
from xanesmap.reconstruct.stripes import StripeMethod
from xanesmap.reconstruct.volumes.units import VolumeUnit
from xanesmap.spectra.background import Background
from xanesmap.spectra.combination import Constraint
from xanesmap.spectra.edge_normalisation import Normalisation, PostEdge

BUNDLED = "bundled"
"""Source of a reference that means the analytic model shipped with the program."""

AlignMethod = Literal["auto", "projection-matching", "none", "joint-reprojection", "stackreg"]

_UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SIZE = re.compile(r"\s*([0-9.]+)\s*([kmgt]i?)?b?\s*", re.IGNORECASE)


def bytes_from_text(size: Any) -> Any:
    """Number of bytes in a text such as "4GB", "500 MB" or "2GiB"; numbers pass as they are.

    Raises
    ------
    ValueError
        The text is not a size.
    """
    if not isinstance(size, str):
        return size
    match = _SIZE.fullmatch(size)
    if match is None or match[1].count(".") > 1 or match[1] == ".":
        message = f"{size!r} is not an amount of memory; write it like 4GB or 500MB"
        raise ValueError(message)
    return int(float(match[1]) * _UNITS[(match[2] or "").lower()])


def _phase_name(name: str) -> str:
    if not name.strip() or name == MIXED:
        message = f"a phase needs a name, other than {MIXED!r}, the label of voxels in which no phase prevails"
        raise ValueError(message)
    return name


PhaseName = Annotated[str, AfterValidator(_phase_name)]


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class ReconstructConfig(_Config):
    """From counts to attenuation."""

    engine: EngineName = "auto"
    """Reconstruction engine; `auto` takes TomoPy where it is installed, the built-in Fourier engine elsewhere."""
    filter: FilterName = "ramlak"
    """Apodisation of the ramp filter: `ramlak` (none), `shepp`, `cosine`, `hann`."""
    centre_px: float | None = None
    """Detector column of the rotation axis at every energy, pixels; found for each energy when not given."""
    pixel_size_nm: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """Pixel size in the sample, nm; that of the files when not given."""
    zinger_sigma: Annotated[float, Field(gt=0)] | None = 8.0
    """Pixels brighter than their neighbours by this many standard deviations are zingers; none keeps them."""
    stripes: StripeMethod = "none"
    """Removal of stripes in sinograms (rings in slices)."""
    sort_energies: bool = False
    """Accept files whose energies neither rise nor fall steadily, and sort them."""
    energies_ev: tuple[float, ...] | None = None
    """Photon energies in place of those of the files, eV, in the order of the numbers in the file names."""
    angles_deg: tuple[float, ...] | None = None
    """Rotation angles in place of those of the files, degrees, the same for every energy."""
    camera_binning: Annotated[int, Field(ge=1, le=LARGEST_BINNING)] | None = None
    """Pixels of the camera added up along a row, in place of what the files say; 1 for none."""
    times_s: tuple[float, ...] | None = None
    """Start of every energy in place of those of the files, seconds since 1970, in the order of the energies."""
    volume_unit: VolumeUnit | None = None
    """Unit of attenuation in volumes that are reconstructed already: `1/um`, `1/mm`, `1/cm`, `1/m`, `1/pixel`."""


class AlignConfig(_Config):
    """Where every frame lies."""

    method: AlignMethod = "auto"
    """`projection-matching`; `none` takes the frames as recorded; `auto` aligns, and takes them as recorded where they
    turn out to be at rest or cannot be aligned, or where `centre_px` is given. For comparison only, and where their
    libraries are installed: `joint-reprojection` (TomoPy's `align_joint`, every energy by itself) and `stackreg`."""
    file: str | None = None
    """Alignment to use instead: the output of `xanesmap align`, or an earlier result."""
    magnification: Literal["fit", "recorded", "zone-plate", "none"] = "fit"
    """Change of magnification over the energies: fitted, from the pixel sizes in the files, inversely proportional to
    the energy, or none."""
    zone_plate_magnification: Annotated[float, Field(gt=0)] | None = None
    """Magnification of the zone plate at the mean energy, for `magnification = "zone-plate"`; far above 1 when not
    given."""
    roll: Literal["none", "fit"] = "none"
    """Rotation of the detector against the rotation axis, the same at all energies."""
    components: Literal["references", "data"] = "references"
    """What predicts the frames at first: the references, or two spectra found in the data where those are doubtful."""
    binning: Annotated[int, Field(ge=1, le=8)] | None = None
    """Pixels averaged for the alignment, along v and u; the fewest that fit into the memory when not given."""


class SpectraConfig(_Config):
    """From attenuation to phase amounts."""

    references: Annotated[dict[PhaseName, str], Field(min_length=1, max_length=12)] = Field(
        default_factory=lambda: {"LiFePO4": BUNDLED, "FePO4": BUNDLED}
    )
    """Phase name to reference file (`lib.nor:column` picks a column), or `bundled` for LiFePO4 and FePO4."""
    energy_offset_ev: Annotated[float, Field(ge=-50, le=50)] | Literal["fit", "fit-drift"] = "fit"
    """Added to the recorded energies to put them on the references' scale, eV; `fit` finds it from the summed spectrum,
    `fit-drift` with a linear drift during the scan."""
    foil: str | None = None
    """Spectrum of a metal foil from the same session; its first inflection sets the offset in place of a fit."""
    normalisation: Normalisation = "none"
    """What is subtracted from every spectrum before the fit, in place of a background: nothing, the mean of the
    pre-edge (`constant`), that with the slope of the summed spectrum (`global-slope`), or a `line` per voxel."""
    post_edge: PostEdge = "none"
    """`line` levels what is above the edge."""
    pre_edge_ev: tuple[float, float] | None = None
    """Window of the pre-edge, eV; up to 6 eV before the edge of the element when not given."""
    post_edge_ev: tuple[float, float] | None = None
    """Window of the post-edge, eV; from 45 eV after the edge when not given."""
    bad_energies: Literal["keep", "reject"] = "keep"
    """`reject` leaves out energies at which the summed spectrum does not fit."""
    background: Background = "victoreen"
    """Attenuation that belongs to no phase: `victoreen` falls as the third power of energy."""
    constraint: Constraint = "free"
    """`free` least squares, `non-negative` amounts, or `sum-to-one`."""


class PhaseConfig(_Config):
    """From amounts to phases."""

    pure_threshold: Annotated[float, Field(gt=0.5, le=1)] = 0.7
    """A voxel belongs to a phase from this fraction on, and is mixed where no phase reaches it."""
    mask_threshold_per_um: Annotated[float, Field(gt=0)] | None = None
    """Smallest edge step that counts as sample, 1/um (of 2-D images that of optical depth, 1); half the typical step of
    the sample when not given."""
    mask_smoothing_px: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Gaussian smoothing (standard deviation, pixels) of the edge step before it is compared."""


class RunConfig(_Config):
    """One run, from a scan to a phase map."""

    scan: Annotated[list[str], Field(min_length=1), BeforeValidator(lambda s: [s] if isinstance(s, str) else s)]
    """Folder, glob pattern or files of the scan."""
    out: str | None = None
    """Result, a folder ending in `.zarr`; `<scan>_phases.zarr` beside the scan when not given."""
    overwrite: bool = False
    """Replace an earlier result at `out`, once the new one is complete."""
    keep_mu: bool = True
    """Keep the attenuation at every energy, which the spectrum probe and refits need."""
    memory: Annotated[int, Field(ge=1_000_000), BeforeValidator(bytes_from_text)] | None = None
    """Memory the run may use, bytes or a text such as "4GB"; half of what is free when not given."""
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Threads; all cores when not given."""
    reconstruct: ReconstructConfig = ReconstructConfig()
    align: AlignConfig = AlignConfig()
    spectra: SpectraConfig = SpectraConfig()
    phasemap: PhaseConfig = PhaseConfig()

    @property
    def memory_budget(self) -> int:
        """Memory budget in bytes."""
        return self.memory or psutil.virtual_memory().available // 2

    @property
    def out_path(self) -> Path:
        """Where the result goes."""
        return self.beside_scan("_phases.zarr") if self.out is None else Path(self.out)

    def beside_scan(self, suffix: str) -> Path:
        """Path beside the folder of the scan: its name and a suffix."""
        first = Path(self.scan[0])
        folder = (first if first.is_dir() else first.parent).resolve()
        return folder.parent / f"{folder.name.removesuffix('.zarr')}{suffix}"


def make_config(values: Mapping[str, Any], *, source: str = "Configuration") -> RunConfig:
    """Check a configuration given as nested mappings.

    Parameters
    ----------
    values
        Keys and values, sections as mappings.
    source
        Where they come from, for messages.

    Raises
    ------
    DataError
        An unknown key, a value of the wrong type or outside its bounds; names the key.
    """
    try:
        return RunConfig.model_validate(dict(values))
    except ValidationError as error:
        message = f"{source}: {_explain(error)}"
        raise DataError(message) from error


def _explain(error: ValidationError) -> str:
    """One line for the first thing pydantic refused."""
    first = error.errors()[0]
    key = ".".join(
        str(part) for part in first["loc"] if not str(part).startswith(("function-", "constrained-", "[key]"))
    )
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"key {key!r} is not known; there are {_known_keys(first['loc'][:-1])}{more}."
    if first["type"] == "missing":
        return f"key {key!r} is missing; add it{more}."
    return f"key {key!r}: {first['msg'].removeprefix('Value error, ')}; found {first['input']!r}{more}."


def _known_keys(section: Sequence[int | str]) -> str:
    model: Any = RunConfig
    for name in section:
        model = model.model_fields[name].annotation
    return ", ".join(model.model_fields)


def read_config_file(path: str | Path) -> dict[str, Any]:
    """Nested mappings of a TOML file; relative paths in it count from its folder.

    Raises
    ------
    DataError
        The file cannot be read, is not TOML or is no configuration.
    """
    file = Path(path)
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"Configuration {file} cannot be read: {error.strerror}. Check the path."
        raise DataError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"Configuration {file} is not valid TOML: {error}."
        raise DataError(message) from error
    # Checked before any flag is put on top, so that a mistake in the file is told as one of the file.
    make_config(values, source=f"Configuration {file}")
    return _from_folder(values, file.resolve().parent)


def _from_folder(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Resolve the relative paths of a checked configuration against its own folder."""
    scan = values["scan"]
    resolved = {**values, "scan": [str(folder / item) for item in ([scan] if isinstance(scan, str) else scan)]}
    if "out" in values:
        resolved["out"] = str(folder / values["out"])
    if "file" in (align := values.get("align", {})):
        resolved["align"] = {**align, "file": str(folder / align["file"])}
    if "foil" in (spectra := values.get("spectra", {})):
        resolved["spectra"] = {**spectra, "foil": str(folder / spectra["foil"])}
    if "references" in (spectra := resolved.get("spectra", {})):
        placed = {name: _reference_from(source, folder) for name, source in spectra["references"].items()}
        resolved["spectra"] = {**spectra, "references": placed}
    return resolved


def _reference_from(source: str, folder: Path) -> str:
    return source if source == BUNDLED else str(folder / source)


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings with the values of `changes` in place of those of `base`; None in `changes` says nothing."""
    merged = dict(base)
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping) and key != "references":
            merged[key] = merge(merged[key], value)
        elif isinstance(value, Mapping):
            merged[key] = {name: item for name, item in value.items() if item is not None}
        elif value is not None:
            merged[key] = value
    return merged
