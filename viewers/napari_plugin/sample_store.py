"""A small simulated scan and its result, made once and kept in the user's cache."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import platformdirs

from xanesmap import __version__
from xanesmap.phasemap.destination import writing
from xanesmap.phasemap.morphology import segment_phases
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.simulation import simulate_scan

SIZE: dict[str, Any] = {"n_rows": 48, "n_columns": 64, "n_angles": 91}
SEED = 3


def sample_folder() -> Path:
    """Where samples are kept; each version of the program makes its own."""
    return platformdirs.user_cache_path("xanesmap") / f"samples-{__version__}"


def sample_scan(folder: Path, *, progress: Progress = no_progress) -> Path:
    """Folder of the scan, simulated on first use.

    Parameters
    ----------
    folder
        Where samples are kept.
    progress
        Called with stage, steps done and steps of the stage.

    Raises
    ------
    DataError
        The folder cannot be written.
    """
    place = folder / "scan"
    if place.is_dir():
        return place
    with writing(place, 0):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            made = Path(unfinished) / "scan"
            simulate_scan(made, seed=SEED, progress=lambda done, total: progress("Simulate scan", done, total), **SIZE)
            made.rename(place)
    return place


def sample_result(folder: Path, *, progress: Progress = no_progress) -> Path:
    """Path of the result of that scan, with particles and surfaces, made on first use.

    Parameters
    ----------
    folder
        Where samples are kept.
    progress
        Called with stage, steps done and steps of the stage.

    Raises
    ------
    DataError
        The folder cannot be written.
    """
    place = folder / "result.zarr"
    if place.is_dir():
        return place
    scan = sample_scan(folder, progress=progress)
    with writing(place, 0), tempfile.TemporaryDirectory(dir=folder) as unfinished:
        made = map_phases(scan, out=Path(unfinished) / "result.zarr", progress=progress)
        segment_phases(made, progress=progress).path.rename(place)
    return place
