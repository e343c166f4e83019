"""Dock widget of the threshold explorer: move a threshold and see phases, volumes and particles."""

from __future__ import annotations

import math
from typing import Any

import napari
import numpy as np
from matplotlib.colors import to_hex
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QApplication,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from xanesmap.phasemap.morphology.job import segment_phases
from xanesmap.phasemap.progress import Progress
from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.segmentation.phase_labelling import LabelledResult
from xanesmap.viewers.colours import phase_colours
from xanesmap.viewers.napari_plugin.layers.layer_plan import subscripted
from xanesmap.viewers.napari_plugin.parts.docked_widget import DockedWidget
from xanesmap.viewers.napari_plugin.parts.figure_canvas import figure_canvas
from xanesmap.viewers.napari_plugin.parts.figure_theme import fit_margins, theme_of
from xanesmap.viewers.napari_plugin.parts.latest_task import LatestTask
from xanesmap.viewers.napari_plugin.parts.missing_result import missing_result_text
from xanesmap.viewers.napari_plugin.parts.widget_rows import row_of
from xanesmap.viewers.napari_plugin.result_reload import reload_result
from xanesmap.viewers.napari_plugin.session import RESULT, shown_result
from xanesmap.viewers.napari_plugin.spectrum.table import swatch
from xanesmap.viewers.napari_plugin.thresholds.drawing import (
    LEFT_PT,
    draw_histogram,
    found_text,
    readable_unit,
    share_text,
    volume_text,
)
from xanesmap.viewers.napari_plugin.thresholds.form import ThresholdForm
from xanesmap.viewers.napari_plugin.thresholds.maps import coarse_maps
from xanesmap.viewers.napari_plugin.thresholds.model import (
    CoarseExplorer,
    Exploration,
    explore_full,
    known_blur_px,
    with_errors,
)
from xanesmap.viewers.napari_plugin.thresholds.settings import command_line, first_thresholds, segment_settings
from xanesmap.viewers.napari_plugin.thresholds.trial_layer import TrialLayer

AUTOMATIC_VOXELS = 20_000_000
"""Voxels up to which the full resolution is computed without being asked for."""

_PAUSE_MS = 700
"""Time without a change after which the full resolution is computed."""
_WRITING = "Write result"
_HIGHEST_PERCENTILE = 99.0


class ThresholdWidget(DockedWidget):
    """Thresholds of phases, sample and particles with what comes of them."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.result: PhaseMap | None = None
        self.tried: Exploration | None = None
        self._explorer: CoarseExplorer | None = None
        self._is_reloading = False
        self.live, self.full, self.segmenting = (LatestTask(self) for _ in range(3))
        self.trial = TrialLayer(self.viewer)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._arrange()
        self._connect()
        self._follow()

    def _arrange(self) -> None:
        self.form = ThresholdForm()
        self.canvas = figure_canvas((4.2, 2.6), least_px=(320, 180))
        self.canvas.mpl_connect("resize_event", lambda event: fit_margins(event.canvas.figure, left_pt=LEFT_PT))
        self.table = QTableWidget(0, 3)
        self.table.verticalHeader().hide()
        self.table.setMinimumHeight(130)
        self.table.setToolTip(
            "± one standard error by noise, once the full resolution is computed; systematic errors come on top."
        )
        self.found, self.text, self.bar = QLabel(), QLabel(), QProgressBar()
        self.stop = QPushButton("Stop")
        self.compute, self.segment, self.copy = (QPushButton(t) for t in ("Full resolution", "Segment", "Copy command"))
        self.compute.setToolTip("Compute these numbers as a segmentation finds them, with their errors.")
        self.segment.setToolTip("Segment with these settings; labels, particles and tables go into the result.")
        self.copy.setToolTip("Copy the command line that segments with these settings.")
        layout = QVBoxLayout(self)
        layout.addWidget(self.form)
        layout.addWidget(self.canvas, 2)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.found)
        layout.addLayout(row_of(self.compute, self.segment, self.copy))
        layout.addLayout(row_of(self.bar, self.stop))
        layout.addWidget(self.text)
        for label in (self.found, self.text):
            label.setWordWrap(True)
        self.setMinimumWidth(400)
        self._show_progress(False)

    def _connect(self) -> None:
        self.form.changed.connect(self._try)
        self.compute.clicked.connect(lambda: self._compute_full())
        self.segment.clicked.connect(lambda: self._segment())
        self.copy.clicked.connect(lambda: self._copy())
        self.stop.clicked.connect(lambda: self._give_up())
        self._pause.timeout.connect(self._compute_full)
        self.live.answered.connect(self._show_live)
        self.full.answered.connect(self._show_full)
        self.segmenting.answered.connect(self._show_segmented)
        for work in (self.full, self.segmenting):
            work.failed.connect(self._fail)
            work.progressed.connect(self._tell_progress)
            work.busy.connect(self._show_progress)
        self.live.failed.connect(self._fail)
        for end in (self.trial.remove, self.live.end, self._pause.stop, self.full.end, self.segmenting.end):
            self.at_the_end(end)
        self.listen(self.viewer.layers.events.inserted, self._follow)
        self.listen(self.viewer.layers.events.removed, self._follow)
        self.listen(self.viewer.events.theme, self._draw)

    def say(self, sentence: str) -> None:
        """Show a sentence at the bottom."""
        self.text.setText(sentence)

    def _follow(self, event: Any = None) -> None:
        """Turn to another result where the present one is closed."""
        del event
        if self._is_reloading:
            return
        if self.result is not None and any(layer.metadata.get(RESULT) is self.result for layer in self.viewer.layers):
            return
        result = shown_result(self.viewer)
        if result is None or result is not self.result:
            self._begin(result)

    def _begin(self, result: PhaseMap | None) -> None:
        self.result, self._explorer, self.tried = result, None, None
        self.full.forget()
        self._pause.stop()
        for widget in (self.form, self.compute, self.segment, self.copy):
            widget.setEnabled(result is not None)
        if result is None:
            self.live.forget()
            self.trial.remove()
            self.say(missing_result_text(self.viewer))
            return
        self.say("Reading maps...")
        self.live.ask(lambda _: CoarseExplorer(coarse_maps(result), result, blur_px=known_blur_px(result)))

    def _show_live(self, answer: CoarseExplorer | Exploration) -> None:
        if isinstance(answer, Exploration):
            self._show(answer)
            return
        self._explorer = answer
        result, maps = answer.result, answer.maps
        inside = maps.amount[maps.mask & np.isfinite(maps.amount)]
        largest = float(np.percentile(inside, _HIGHEST_PERCENTILE)) if inside.size else 1.0
        self.form.begin(first_thresholds(result), largest_amount=max(largest, 1e-9), unit=result.attenuation_unit)
        self.say("Move a slider. Colours and numbers follow; errors come with the full resolution.")
        self._try()

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of `segment_phases` that the sliders stand for."""
        return {} if self.result is None else segment_settings(self.form.thresholds, self.result)

    def _try(self) -> None:
        explorer, settings = self._explorer, self.settings
        if explorer is None:
            return
        self.full.forget()
        self.live.ask(lambda _: explorer.explore(settings))
        if math.prod(explorer.result.shape) <= AUTOMATIC_VOXELS:
            self._pause.start()

    def _compute_full(self) -> None:
        result, settings = self.result, self.settings
        if result is not None and not self.segmenting.is_busy:
            self._pause.stop()
            self.full.ask(lambda progress: (*explore_full(result, settings, progress=progress), result))

    def _show_full(self, found: tuple[Exploration, LabelledResult | None, PhaseMap]) -> None:
        tried, labelled, result = found
        self.live.forget()
        self._show(tried)
        if labelled is not None:
            self.full.ask(lambda progress: (with_errors(tried, labelled, result, progress=progress), None, result))

    def _show(self, tried: Exploration) -> None:
        if self.result is None:
            return
        if self.tried is None or tried.labels is not self.tried.labels:
            self.trial.show(tried, self.result)
        self.tried = tried
        extent = "area" if tried.unit == "um^2" else "volume"
        self.table.setHorizontalHeaderLabels(
            ["phase", f"{extent} ({readable_unit(tried.unit)})", "share of the sample"]
        )
        self.table.setRowCount(len(tried.volumes))
        for row, (volume, colour) in enumerate(zip(tried.volumes, phase_colours(self.result.phases), strict=True)):
            self.table.setItem(row, 0, QTableWidgetItem(swatch(to_hex(colour)), subscripted(volume.name)))
            for column, text in enumerate((volume_text(volume), share_text(volume)), start=1):
                self.table.setItem(row, column, QTableWidgetItem(text))
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        least = self.form.thresholds.least_voxels
        self.found.setText(found_text(tried, least_voxels=least, voxel_um=self.result.pixel_size_um))
        self._draw()

    def _draw(self, event: Any = None) -> None:
        del event
        if self.tried is None or self.result is None:
            return
        pure, theme = self.form.thresholds.pure, theme_of(self.viewer)
        draw_histogram(self.canvas.figure, self.tried, phases=self.result.phases, pure=pure, theme=theme)
        self.canvas.draw_idle()

    def _segment(self) -> None:
        result, settings = self.result, self.settings
        if result is None:
            return
        self.full.forget()
        self._pause.stop()
        self.form.setEnabled(False)
        self.say("Segmenting...")
        self._tell_progress("Start", 0, 1)
        self.segmenting.ask(lambda progress: segment_phases(result, progress=_until_written(progress), **settings))

    def _show_segmented(self, segmented: PhaseMap) -> None:
        old, self.result = self.result, segmented
        self._is_reloading = True
        self.form.setEnabled(True)
        self.trial.remove()
        if old is not None:
            reload_result(self.viewer, old, segmented)
        self._is_reloading = False
        if self.parentWidget() is not None:
            self.parentWidget().raise_()  # napari's table of particles opens in front of it
        warnings = segmented.attributes.get("segmentation", {}).get("warnings", ())
        self.say(" ".join([f"Segmented; labels and tables are in {segmented.path}.", *warnings]))

    def _copy(self) -> None:
        if self.result is not None:
            words = command_line(self.settings, self.result.path)
            QApplication.clipboard().setText(words)
            self.say(f"Copied: {words}")

    def _give_up(self) -> None:
        self.full.forget()
        self.segmenting.forget()
        self.form.setEnabled(self.result is not None)
        self.say("Stopped; the result is as it was.")

    def _fail(self, sentence: str) -> None:
        self.form.setEnabled(self.result is not None)
        self.say(sentence)

    def _tell_progress(self, stage: str, done: int, total: int) -> None:
        self.bar.setFormat(f"{stage}: %v of %m" if total > 1 else stage)
        self.bar.setRange(0, total if total > 1 else 0)
        self.bar.setValue(done)
        self.stop.setEnabled(stage != _WRITING)

    def _show_progress(self, is_busy: bool) -> None:
        for widget in (self.bar, self.stop):
            widget.setVisible(is_busy)


def _until_written(progress: Progress) -> Progress:
    """Progress that cannot be given up any more once the result is being replaced."""

    def tell(stage: str, done: int, total: int) -> None:
        if stage != _WRITING or done == 0:
            progress(stage, done, total)

    return tell
