"""The main job on a simulated scan, with its accuracy and pictures."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from xanesmap.phasemap.accuracy import KindAccuracy, compare_with_truth
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.phasemap.storage.destination import writing
from xanesmap.viewers.figures import save_figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """What `demonstrate` made.

    Parameters
    ----------
    result
        The phase map.
    accuracy
        Its agreement with the truth.
    pictures
        The figures written.
    """

    result: PhaseMap
    accuracy: tuple[KindAccuracy, ...]
    pictures: tuple[Path, ...]


def demonstrate(
    folder: str | Path, *, preset: str = "small", seed: int = 0, progress: Progress = no_progress
) -> Demonstration:
    """Simulate a scan, map its phases, compare with the truth and draw the figures.

    Parameters
    ----------
    folder
        Gets `scan/`, `result.zarr`, `accuracy.csv` and `figures/`; what an earlier demonstration left is replaced.
    preset
        Preset of the simulation.
    seed
        Seed of the simulation.
    progress
        Called with stage, steps done and steps of the stage.

    Raises
    ------
    DataError
        The folder cannot be written, or the preset is not known.
    """
    place = Path(folder)
    scan = simulate_scan(
        place / "scan",
        preset=preset,  # type: ignore[arg-type]  # checked with a sentence of its own
        seed=seed,
        overwrite=True,
        progress=lambda done, total: progress("Simulate scan", done, total),
    )
    result = map_phases(scan.folder, out=place / "result.zarr", overwrite=True, progress=progress)
    accuracy = compare_with_truth(result, scan.truth)
    _write_accuracy(place / "accuracy.csv", accuracy)
    progress("Draw figures", 0, 1)
    pictures = save_figures(result, place / "figures")
    progress("Draw figures", 1, 1)
    return Demonstration(result=result, accuracy=accuracy, pictures=tuple(pictures))


def _write_accuracy(path: Path, accuracy: Sequence[KindAccuracy]) -> None:
    names = [field.name for field in fields(KindAccuracy)]
    with writing(path, 0), path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fieldnames=names)
        table.writeheader()
        table.writerows(asdict(row) for row in accuracy)
