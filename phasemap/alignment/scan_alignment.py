"""Alignment of a scan: from its files to where every frame lies."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.alignment.spectra import spectra_source
from xanesmap.phasemap.config import RunConfig
from xanesmap.phasemap.mapping.survey import detector_noise
from xanesmap.phasemap.progress import Progress
from xanesmap.reconstruct.alignment.binning import bin_frames, unbin_alignment
from xanesmap.reconstruct.alignment.displacement import Alignment
from xanesmap.reconstruct.alignment.projection_matching import MAX_ROUNDS, Refined, align_projections
from xanesmap.reconstruct.alignment.registration_alternatives import RegistrationMethod, align_by_registration
from xanesmap.reconstruct.correction import attenuate
from xanesmap.reconstruct.scan import Scan, Tomogram
from xanesmap.spectra.reference import Reference

FloatArray = NDArray[np.floating[Any]]

# Float arrays of the size of one energy that are needed besides the frames of all: predictions and their splines, the
# energy at hand, its noise and counts.
_PASSING_ENERGIES = 14
# Share of the memory budget that frames may fill before they are kept on disk.
_FRAMES_SHARE = 0.5
_READ_BYTES = 64_000_000
_LARGEST_BINNING = 8


def align_scan(scan: Scan, references: list[Reference], config: RunConfig, *, progress: Progress) -> Alignment:
    """Find where every frame of a scan lies.

    Parameters
    ----------
    scan
        The scan.
    references
        Reference spectra.
    config
        Its sections `align`, `reconstruct` and `spectra`, and the memory budget.
    progress
        Called after each energy read and after each round.

    Raises
    ------
    DataError
        Frames that cannot be read, that show no object or too few angles, or that do not belong together.
    """
    settings = config.align
    binning = settings.binning or affordable_binning(scan, memory_bytes=config.memory_budget)
    angles = [np.asarray(tomogram.angles_rad, np.float64) for tomogram in scan.tomograms]
    frames = _line_integrals(scan, config, binning=binning, progress=progress)
    if settings.method in get_args(RegistrationMethod):
        method = cast(RegistrationMethod, settings.method)
        magnification = starting_magnification(scan, config)
        found = align_by_registration(list(frames), angles, method=method, magnification=magnification)
        return unbin_alignment(found, binning=binning, n_rows=scan.n_rows, n_columns=scan.n_columns)
    refine: list[Refined] = []
    if settings.magnification == "fit":
        refine.append("magnification")
    if settings.roll == "fit":
        refine.append("roll")
    with ExitStack() as held:
        scratch = _scratch(scan, config, binning=binning, held=held)
        found = align_projections(
            frames,
            angles,
            spectra=spectra_source(scan, references, config),
            magnification=starting_magnification(scan, config),
            refine=refine,
            round_done=lambda done, total, _: progress("Align", done, total),
            scratch=scratch,
            names=[f"{tomogram.energy_ev:.2f} eV ({tomogram.source})" for tomogram in scan.tomograms],
        )
    progress("Align", MAX_ROUNDS, MAX_ROUNDS)
    return unbin_alignment(found, binning=binning, n_rows=scan.n_rows, n_columns=scan.n_columns)


def affordable_binning(scan: Scan, *, memory_bytes: int) -> int:
    """Smallest binning with which predictions and volumes fit into the budget; frames can be kept on disk.

    Raises
    ------
    DataError
        Not even binning by 8 fits.
    """
    needed = {binning: _bytes_besides_frames(scan, binning=binning) for binning in range(1, _LARGEST_BINNING + 1)}
    for binning, n_bytes in needed.items():
        if n_bytes <= memory_bytes:
            return binning
    message = (
        f"A memory budget of {memory_bytes / 1e9:.2g} GB was asked for, but alignment of frames of {scan.n_rows} x "
        f"{scan.n_columns} pixels needs {needed[_LARGEST_BINNING] / 1e9:.2g} GB. Raise --memory, or give --align none."
    )
    raise DataError(message)


def _bytes_besides_frames(scan: Scan, *, binning: int) -> int:
    n_angles = max(len(tomogram.angles_rad) for tomogram in scan.tomograms)
    n_v, n_u = max(scan.n_rows // binning, 1), max(scan.n_columns // binning, 1)
    frames = _PASSING_ENERGIES * n_angles * n_v * n_u
    volumes = 6 * n_v * n_u * n_u
    return 4 * (frames + volumes)


def _scratch(scan: Scan, config: RunConfig, *, binning: int, held: ExitStack) -> Path | None:
    """Folder for the frames beside the result where they would fill the memory; None: they are kept in memory."""
    pixels = scan.n_rows * scan.n_columns // binning**2
    frames = 4 * pixels * sum(len(tomogram.angles_rad) for tomogram in scan.tomograms)
    if frames <= _FRAMES_SHARE * config.memory_budget - _bytes_besides_frames(scan, binning=binning):
        return None
    return Path(held.enter_context(tempfile.TemporaryDirectory(prefix=".xanesmap-", dir=config.out_path.parent)))


def _line_integrals(
    scan: Scan, config: RunConfig, *, binning: int, progress: Progress
) -> Iterator[NDArray[np.float32]]:
    """For each energy `(angle, v, u)` line integrals."""
    for index, tomogram in enumerate(scan.tomograms):
        yield _energy(tomogram, zinger_sigma=config.reconstruct.zinger_sigma, binning=binning)
        progress("Read frames", index + 1, len(scan.tomograms))


def _energy(tomogram: Tomogram, *, zinger_sigma: float | None, binning: int) -> NDArray[np.float32]:
    """Line integrals of one energy, some rows at a time."""
    per_row = 8 * len(tomogram.angles_rad) * tomogram.n_columns
    height = max(binning, _READ_BYTES // per_row // binning * binning)
    noise = None
    bands = []
    for start in range(0, tomogram.n_rows, height):
        frames = tomogram.read_rows(start, min(start + height, tomogram.n_rows))
        noise = noise or detector_noise(frames)[0]
        bands.append(bin_frames(attenuate(frames, noise=noise, zinger_sigma=zinger_sigma).values, binning=binning))
    return np.concatenate(bands, axis=1)


def starting_magnification(scan: Scan, config: RunConfig) -> NDArray[np.float64]:
    """`(energy,)` magnification that the alignment starts from, mean 1.

    `recorded` and `fit`: inversely proportional to the pixel sizes of the files. `zone-plate`: the focal length f is
    proportional to the energy, and the magnification is `L / f - 1` at the distance L between optics and detector
    (Attwood, Soft X-Rays and Extreme Ultraviolet Radiation (1999), chapter 9, doi:10.1017/CBO9781139164429).
    """
    settings = config.align
    sizes = [tomogram.pixel_size_nm for tomogram in scan.tomograms]
    relative = np.ones(len(sizes))
    if settings.magnification == "zone-plate":
        relative = _zone_plate(scan.energies_ev, at_middle=settings.zone_plate_magnification)
    elif settings.magnification in ("recorded", "fit") and config.reconstruct.pixel_size_nm is None:
        known = [size for size in sizes if size is not None]
        relative = 1 / np.asarray(known, np.float64) if len(known) == len(sizes) else relative
    return np.asarray(relative / relative.mean())


def _zone_plate(energies_ev: FloatArray, *, at_middle: float | None) -> NDArray[np.float64]:
    """`(energy,)` magnification of a zone plate, `at_middle` at the mean energy; far above 1 where that is None."""
    inverse = np.mean(energies_ev) / np.asarray(energies_ev, np.float64)  # L / f, relative
    return np.asarray(inverse if at_middle is None else (at_middle + 1) * inverse - 1)
