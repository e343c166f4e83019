"""A simulated XANES tomography scan: a battery electrode across the Fe K edge, with its truth beside it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.presets import PRESETS, PresetName, Simulation, simulation_settings
from xanesmap.phasemap.truth import CREATOR, Truth, load_truth, truth_path, write_truth
from xanesmap.reconstruct.array_tomogram import ArrayTomogram
from xanesmap.reconstruct.formats.scan_writer import WrittenFormat, check_format, scan_file_name, write_tomogram
from xanesmap.reconstruct.scan import Frames
from xanesmap.reconstruct.simulator.beamline import (
    LineIntegrals,
    expose_tomogram,
    image_phases,
    optical_depth,
    project_phases,
    set_up,
)
from xanesmap.reconstruct.simulator.disturbances import Disturbances, Drawn, draw_disturbances
from xanesmap.reconstruct.simulator.phantom import PHASES, Phantom, make_phantom
from xanesmap.spectra.absorption import attenuation_per_um, phase_constants

__all__ = [
    "PRESETS",
    "SimulatedScan",
    "Simulation",
    "Truth",
    "load_truth",
    "simulate_scan",
    "simulation_settings",
]

FloatArray = NDArray[np.floating[Any]]
Progress = Callable[[int, int], None]
"""Called with the number of energies written and the number of all."""

FIRST_SCAN_TIME_S = 1.7e9  # seconds since 1970: an arbitrary date, the same for every simulated scan
OVERHEAD_S = 30.0  # between two energies
UID_PREFIX = "xanesmap-simulation-"
SCAN_SUFFIXES = (".h5", ".nxs", ".tif", ".csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedScan:
    """A scan which was written.

    Attributes
    ----------
    folder
        What to give to `open_scan` or `xanesmap run`.
    files
        One HDF5 file per energy, in order of energy.
    truth_file
        HDF5 file of the truth, for `load_truth`.
    truth
        Its content.
    settings
        All numbers of the simulation.
    seed
        Seed of the object and of everything random.
    """

    folder: Path
    files: tuple[Path, ...]
    truth_file: Path
    truth: Truth
    settings: Simulation
    seed: int


def simulate_scan(
    out: str | Path,
    *,
    preset: PresetName = "small",
    format: WrittenFormat = "fxi",
    seed: int = 0,
    disturbances: Disturbances | Mapping[str, float] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **overrides: Any,
) -> SimulatedScan:
    """Write a simulated scan and, in a folder of its own, the exact truth.

    Parameters
    ----------
    out
        Folder for `fly_scan_id_<number>.h5` or alike, one file per energy, and `truth/truth.h5`; made if needed.
    preset
        "small" (96 x 96 x 64 voxels, 24 energies, 121 angles, still), "seed-like" (160 x 160 x 112, 51
        energies, 181 angles, still) or "rough" ("small" with everything wrong at once).
    format
        Layout of the files: "fxi", that of NSLS-II beamline 18-ID; "dataexchange", "nxtomo" or "tiff".
    seed
        Same seed and settings, same scan.
    disturbances
        `Disturbances` in place of the preset's, or a mapping which changes some of the preset's values.
    overwrite
        Replace an earlier simulated scan in `out`. Other files are never touched.
    progress
        Called with the number of energies written and of all.
    overrides
        Any other field of `Simulation` in place of the preset's value.

    Returns
    -------
    SimulatedScan

    Raises
    ------
    DataError
        If a setting is unknown or out of range, the folder is not empty, or it cannot be written.
    """
    check_format(format)
    if seed < 0:
        message = f"a simulated scan with seed {seed} was asked for; give 0 or a positive number"
        raise DataError(message)
    settings = simulation_settings(preset, disturbances=disturbances, **overrides)
    folder = Path(out)
    try:
        _prepare(folder, overwrite=overwrite)
        return _write_scan(folder, settings, format=format, seed=seed, progress=progress)
    except OSError as error:
        message = f"the simulated scan cannot be written to {folder}: {error}; choose another folder or free space"
        raise DataError(message) from error


def _prepare(folder: Path, *, overwrite: bool) -> None:
    """Make the folder, or clear it of an earlier simulated scan when asked to."""
    folder.mkdir(parents=True, exist_ok=True)
    present = sorted(folder.iterdir())
    if present and not overwrite:
        message = (
            f"{folder} is not empty ({present[0].name}, {len(present)} in all): "
            "give another folder, or overwrite=True to replace an earlier simulated scan"
        )
        raise DataError(message)
    data = [path for path in (*present, truth_path(folder)) if path.suffix in SCAN_SUFFIXES and path.is_file()]
    for path in data:
        if not _is_own(path):
            message = (
                f"{path} was not written by the simulation and would mix with its files: "
                "give another folder, or move that file away"
            )
            raise DataError(message)
    for path in data:
        path.unlink()


def _is_own(path: Path) -> bool:
    if path.suffix in (".tif", ".csv"):
        # the software of a TIFF file is among its first tags; tables have it in their first line
        with path.open("rb") as file:
            return UID_PREFIX.encode() in file.read(4096)
    try:
        with h5py.File(path, "r") as file:
            scan = "uid" in file and file["uid"].asstr()[()].startswith(UID_PREFIX)
            copy = str(file.attrs.get("source", "")).startswith(UID_PREFIX)
            return bool(scan or copy or file.attrs.get("creator") == CREATOR)
    except (OSError, TypeError, AttributeError):
        return False


def _write_scan(
    folder: Path, settings: Simulation, *, format: WrittenFormat, seed: int, progress: Progress | None
) -> SimulatedScan:
    angles_deg = settings.measured_angles_deg
    angles_rad = np.deg2rad(angles_deg)
    phantom = _make_object(settings, seed)
    lines = project_phases(
        phantom.fine,
        angles_rad,
        supersampling=settings.supersampling,
        pixel_size_um=settings.pixel_size_nm / 1000.0,
    )
    drawn = draw_disturbances(
        settings.disturbances,
        energies_ev=settings.energies_ev,
        angles_rad=angles_rad,
        n_columns=settings.n_columns,
        n_flats=settings.n_flats,
        seed=seed,
    )
    shape = (settings.n_rows, settings.n_columns)
    instrument = set_up(settings, settings.disturbances, drawn, shape=shape, seed=seed)
    files = tuple(folder / scan_file_name(index, format=format) for index in range(len(settings.energies_ev)))
    truth = _make_truth(settings, seed, phantom, drawn, files)
    for index, depth in enumerate(_depths(lines, truth)):
        frames = expose_tomogram(depth, instrument=instrument, energy_index=index)
        tomogram = _recorded(frames, settings, index=index, seed=seed)
        uid = tomogram.source.name
        write_tomogram(files[index], tomogram, format=format, index=index, uid=uid, note="simulated by xanesmap")
        if progress is not None:
            progress(index + 1, len(files))
    truth_file = truth_path(folder)
    truth_file.parent.mkdir(exist_ok=True)
    write_truth(truth_file, truth)
    return SimulatedScan(folder=folder, files=files, truth_file=truth_file, truth=truth, settings=settings, seed=seed)


def _make_object(settings: Simulation, seed: int) -> Phantom:
    lfp, fp = (phase_constants(phase).edge_step_per_um for phase in PHASES)
    return make_phantom(
        shape=(settings.n_rows, settings.n_columns, settings.n_columns),
        seed=seed,
        supersampling=settings.supersampling,
        edge_steps_per_um=(lfp, fp),
    )


def _depths(lines: LineIntegrals, truth: Truth) -> Iterator[FloatArray]:
    """(angle, v, u) optical depth, energy after energy; imaged anew only where the geometry changes."""
    geometries = list(zip(truth.displacement_px, truth.magnification, strict=True))
    for index, (shift_px, magnification) in enumerate(geometries):
        before = geometries[index - 1]
        if index == 0 or magnification != before[1] or np.any(shift_px != before[0]):
            images = image_phases(lines, shift_px=shift_px, magnification=float(magnification))
        energy = truth.true_energies_ev[index]
        yield optical_depth(images, np.array([attenuation_per_um(phase, energy) for phase in PHASES]))


def _make_truth(settings: Simulation, seed: int, phantom: Phantom, drawn: Drawn, files: tuple[Path, ...]) -> Truth:
    return Truth(
        phases=PHASES,
        kinds=phantom.kinds,
        fraction=phantom.fraction,
        amount=phantom.amount,
        occupancy=phantom.occupancy,
        particle=phantom.particle,
        mask=phantom.mask,
        energies_ev=np.asarray(settings.energies_ev),
        true_energies_ev=drawn.energies_ev,
        angles_deg=settings.measured_angles_deg,
        shift_px=drawn.shift_px,
        centre_px=drawn.centre_px,
        magnification=drawn.magnification,
        lamp=drawn.lamp,
        photons=drawn.lamp * settings.photons,
        configuration={
            "settings": settings.model_dump(mode="json"),
            "seed": seed,
            "files": [path.name for path in files],
            "version": version("xanesmap"),
        },
    )


def _recorded(frames: Frames, settings: Simulation, *, index: int, seed: int) -> ArrayTomogram:
    """One energy as the beamline records it."""
    duration_s = (settings.n_angles + settings.n_flats + settings.n_darks) * settings.exposure_s + OVERHEAD_S
    return ArrayTomogram(
        projections=frames.projections,
        flats=frames.flats,
        darks=frames.darks,
        energy_ev=settings.energies_ev[index],
        angles_rad=np.deg2rad(settings.measured_angles_deg),
        pixel_size_nm=settings.pixel_size_nm,
        time_s=FIRST_SCAN_TIME_S + index * duration_s,
        source=Path(f"{UID_PREFIX}{seed}-{index}"),
    )
