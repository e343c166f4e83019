"""A small simulated scan and its result, made once and kept in the user's cache."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

from xanesmap import __version__
from xanesmap.phasemap.morphology.job import segment_phases
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.phasemap.storage.destination import writing

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

    def simulate(place: Path) -> None:
        simulate_scan(place, seed=SEED, progress=lambda done, total: progress("Simulate scan", done, total), **SIZE)

    return _made_once(folder / "scan", simulate)


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

    def map_and_segment(place: Path) -> None:
        segment_phases(
            map_phases(sample_scan(folder, progress=progress), out=place, progress=progress), progress=progress
        )

    return _made_once(folder / "result.zarr", map_and_segment)


def _made_once(place: Path, make: Callable[[Path], None]) -> Path:
    """The folder itself, whole: made under another name first where it is missing."""
    if not place.is_dir():
        with writing(place, 0):
            place.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=place.parent) as unfinished:
                made = Path(unfinished) / place.name
                make(made)
                made.rename(place)
    return place
