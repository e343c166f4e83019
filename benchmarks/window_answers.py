"""How long the viewer's window is held up by what a user does, in CPU time of its thread, event by event.

CPU time, as that hardly depends on what else the machine does. OpenGL without a graphics card draws in threads of its
own, which count only in the column of the whole process. Results are made in the folder on first use (in minutes).

LP_NUM_THREADS=1 xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/window_answers.py /tmp/window
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QAbstractEventDispatcher, QEventLoop, QPoint, Qt
from qtpy.QtTest import QTest
from spectrum_probe import make_result

from xanesmap import map_phases, segment_phases, simulate_scan
from xanesmap.phasemap.result import open_result
from xanesmap.viewers.napari_plugin.alignment.widget import AlignmentWidget
from xanesmap.viewers.napari_plugin.core_shell.widget import CoreShellWidget
from xanesmap.viewers.napari_plugin.layers.own_layers import mu_layer
from xanesmap.viewers.napari_plugin.projections.widget import ProjectionWidget
from xanesmap.viewers.napari_plugin.session import open_session
from xanesmap.viewers.napari_plugin.spectrum.widget import SpectrumWidget
from xanesmap.viewers.napari_plugin.thresholds.widget import ThresholdWidget

WINDOW = (1600, 1000)
LONGEST_S = 60.0
Action = Callable[[], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of Qt's loop, or an event that was sent."""

    cpu_ms: float
    """Of the thread of the window."""
    wall_ms: float

    @classmethod
    def of(cls, work: Action) -> Turn:
        """What some work took."""
        cpu, wall = time.thread_time(), time.perf_counter()
        work()
        return cls(cpu_ms=1e3 * (time.thread_time() - cpu), wall_ms=1e3 * (time.perf_counter() - wall))


def turn() -> Turn:
    """Let Qt work once."""
    dispatcher = QAbstractEventDispatcher.instance()
    took = Turn.of(lambda: dispatcher.processEvents(QEventLoop.ProcessEventsFlag.AllEvents))
    if took.wall_ms < 0.5:
        time.sleep(0.001)
    return took


def turns_until(condition: Callable[[], bool]) -> list[Turn]:
    """Let Qt work until something holds."""
    end, turns = time.perf_counter() + LONGEST_S, []
    while not condition():
        turns.append(turn())
        if time.perf_counter() > end:
            message = f"no answer within {LONGEST_S:.0f} s"
            raise TimeoutError(message)
    return turns


def rest(seconds: float = 0.4) -> list[Turn]:
    """Let Qt work until nothing was to be done for a while."""
    quiet_since, turns = time.perf_counter(), []
    while time.perf_counter() - quiet_since < seconds:
        turns.append(turn())
        if turns[-1].wall_ms > 20:
            quiet_since = time.perf_counter()
    return turns


def measure(title: str, actions: Iterable[Action], answered: Callable[[], bool] = lambda: True) -> None:
    """Print medians over some actions of a kind."""
    rows = []
    for action in actions:
        rest()
        process = time.process_time()
        turns = [Turn.of(action), *turns_until(answered)]
        process = 1e3 * (time.process_time() - process)
        answer = sum(one.cpu_ms for one in turns)
        turns += rest()
        rows.append((answer, process, max(one.cpu_ms for one in turns), sum(one.cpu_ms for one in turns)))
    print(
        f"{title:40s}" + "".join(f"{statistics.median(column):10.0f}" for column in zip(*rows, strict=True)), flush=True
    )


def opened(path: Path) -> napari.Viewer:
    """A window with a result."""
    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.window.resize(*WINDOW)
    open_session(viewer, open_result(path))
    rest(1)
    return viewer


def dock(viewer: napari.Viewer, widget_class: Any, ready: Callable[[Any], bool]) -> Any:
    """Open a widget, and measure that."""
    made: list[Any] = []

    def add() -> None:
        made.append(widget_class(viewer))
        viewer.window.add_dock_widget(made[0], name=widget_class.__name__, area="right")

    measure(f"open {widget_class.__name__}", [add], lambda: ready(made[0]))
    return made[0]


def click(viewer: napari.Viewer, number: int) -> None:
    """Click somewhere near the middle of the canvas."""
    canvas = viewer.window._qt_viewer.canvas.native  # noqa: SLF001  # napari has no public name
    place = QPoint(canvas.width() // 2 + 11 * number - 30, canvas.height() // 2 + 7 * number - 20)
    QTest.mouseMove(canvas, place)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


def probe(viewer: napari.Viewer) -> None:
    """Clicks, a box of 10^5 voxels and steps of sliders with the spectrum probe open."""
    widget = dock(viewer, SpectrumWidget, lambda widget: True)
    before = [widget.listing]

    def asked(work: Action) -> Action:
        def act() -> None:
            before[0] = widget.listing
            work()

        return act

    def answered() -> bool:
        return widget.listing is not before[0] and not widget.work.is_busy

    for ndisplay in (3, 2):
        viewer.dims.ndisplay = ndisplay
        viewer.reset_view()
        clicks = [asked(lambda number=number: click(viewer, number)) for number in range(6)]
        measure(f"click, {ndisplay}-D", clicks, answered)
    middle, edge = viewer.layers["phase"].data.shape[0] // 2, 215
    corners = np.array(
        [[middle, 20, 20], [middle, 20, edge + 20], [middle, edge + 20, edge + 20], [middle, edge + 20, 20]]
    )
    widget.slices.setValue(2)
    boxes = [asked(lambda z=z: widget._probe_outline(np.add(corners, (z, 0, 0)), "box")) for z in range(4)]  # noqa: SLF001
    measure(f"box of {2 * (edge + 1) ** 2:,} voxels", boxes, answered)
    steps = itertools.count(1)
    energies = [lambda: viewer.dims.set_current_step(0, 3 * next(steps) % 40)] * 8
    measure("energy step, 2-D", energies)
    mu_layer(viewer).visible = True
    measure("energy step, 2-D, attenuation shown", energies)
    viewer.dims.set_current_step(1, middle)
    measure("slice step, 2-D", [lambda: viewer.dims.set_current_step(1, middle + next(steps))] * 6)


def thresholds(viewer: napari.Viewer) -> None:
    """Steps of the sliders of the threshold explorer."""
    viewer.dims.ndisplay = 2
    widget = dock(viewer, ThresholdWidget, lambda widget: widget.tried is not None)
    turns_until(lambda: not (widget.live.is_busy or widget.full.is_busy))
    for name, first in (("pure", 71), ("mask", 20), ("least", 20)):
        slider = getattr(widget.form, name)
        steps = [lambda slider=slider, value=first + 2 * n: slider.setValue(value) for n in range(5)]
        measure(f"threshold step, {name}", steps, lambda: not widget.live.is_busy)


def projections(viewer: napari.Viewer) -> None:
    """Steps of the projection browser and a contact sheet."""
    widget = dock(viewer, ProjectionWidget, lambda widget: True)
    widget.open_scan()
    turns_until(lambda: widget.projections is not None and not widget.task.is_busy)
    for name in ("energy", "angle"):
        slider = getattr(widget, name)
        measure(f"projection, {name} step", step_through(slider), lambda: not widget.task.is_busy)
    widget.tiles.setValue(120)
    widget.over.setCurrentIndex(1)
    measure("contact sheet of 120 tiles", [widget.make_sheet] * 3, lambda: not widget.sheet_task.is_busy)


def step_through(slider: Any) -> list[Action]:
    """Steps of a slider."""
    return [lambda step=step: slider.go_to(step) for step in range(2, 8)]


def core_shell(viewer: napari.Viewer) -> None:
    """Steps of the position of the cut, for every style."""
    widget = dock(viewer, CoreShellWidget, lambda widget: widget.drawing is not None and not widget.is_drawing)
    for style in range(widget.form.style.count()):
        widget.form.style.setCurrentIndex(style)
        turns_until(lambda: not widget.is_drawing)
        steps = [lambda value=value: widget.form.position.setValue(value) for value in (0.1, 0.2, 0.3, 0.4)]
        measure(f"cut moved, {widget.form.style.currentText()}", steps, lambda: not widget.is_drawing)


def alignment(viewer: napari.Viewer) -> None:
    """Steps of the alignment check."""
    widget = dock(viewer, AlignmentWidget, lambda widget: widget.pair is not None)
    for name in ("angle", "energy"):
        measure(f"alignment, {name} step", step_through(getattr(widget, name)), lambda: not widget.task.is_busy)
    measure("alignment, swap", [widget._swap] * 5)  # noqa: SLF001


def made(folder: Path) -> tuple[Path, Path]:
    """A result of 256^3 voxels and 40 energies, and a small one with its scan, aligned and segmented."""
    large, small = folder / "large.zarr", folder / "small.zarr"
    if not large.exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_result(large, edge=256, n_energies=40)
    if not small.exists():
        moved = {"jitter_px": 1.0, "drift_px": 2.0}
        scan = simulate_scan(folder / "scan", seed=2, n_columns=128, n_rows=96, n_angles=120, disturbances=moved)
        segment_phases(map_phases(scan.folder, out=small))
    return large, small


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    large, small = made(parser.parse_args().folder)
    print(
        "CPU time of the window's thread, ms".ljust(40)
        + "".join(f"{t:>10s}" for t in ("answer", "(process)", "longest", "all"))
    )
    for path, part in (
        (large, probe),
        (large, thresholds),
        *((small, part) for part in (projections, core_shell, alignment)),
    ):
        viewer = opened(path)
        part(viewer)
        viewer.close()
        rest(1)


if __name__ == "__main__":
    main()
