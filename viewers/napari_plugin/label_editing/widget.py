"""Dock widget to paint on labels and to keep what was painted in the result."""

from __future__ import annotations

from functools import partial
from typing import Any

import napari
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLabel, QPushButton, QVBoxLayout

from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.segmentation.edited_labels import store_edited_labels
from xanesmap.phasemap.storage.layers import EDITED_LAYERS
from xanesmap.viewers.napari_plugin.label_editing.editing import FOUND, labels_to_edit, numbers_text, saved_text
from xanesmap.viewers.napari_plugin.layers.layer_plan import PARTICLE, PHASE, edited_layer
from xanesmap.viewers.napari_plugin.layers.own_layers import KIND, RESULT, add_layer, layer_of_kind, shown_result
from xanesmap.viewers.napari_plugin.parts.docked_widget import DockedWidget
from xanesmap.viewers.napari_plugin.parts.latest_task import LatestTask
from xanesmap.viewers.napari_plugin.parts.missing_result import missing_result_text
from xanesmap.viewers.napari_plugin.parts.widget_rows import row_of
from xanesmap.viewers.napari_plugin.result_reload import is_painted_on
from xanesmap.viewers.napari_plugin.session import layer_tuple
from xanesmap.viewers.napari_plugin.spectrum.probe_layers import activate

_LINES = 6
"""Of text that have to be seen, such as a path to a result."""
_HELP = (
    "Edit makes a copy of the labels at full resolution, to be painted on in 2-D. Save keeps it in the result, beside "
    "the labels found, which are never changed."
)


class LabelEditWidget(DockedWidget):
    """Phase or particle labels, painted by hand and saved beside those found."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.kind, self.text = QComboBox(), QLabel(_HELP)
        self.kind.addItems([PHASE, PARTICLE])
        self.edit, self.save = QPushButton("Edit"), QPushButton("Save")
        self.edit.setToolTip("Paint on a copy of these labels.")
        self.save.setToolTip("Keep the copy in the result, beside the labels found.")
        self._mode = "paint"
        self.reading, self.saving = LatestTask(self), LatestTask(self)
        self._lay_out()
        self._connect()
        self._follow()

    def _lay_out(self) -> None:
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.text.setMinimumHeight(_LINES * self.text.fontMetrics().lineSpacing())
        layout = QVBoxLayout(self)
        layout.addLayout(row_of(QLabel("Labels"), self.kind, self.edit, self.save))
        layout.addWidget(self.text, 1)
        self.setMinimumWidth(340)

    def _connect(self) -> None:
        self.edit.clicked.connect(lambda: self._edit())
        self.save.clicked.connect(lambda: self._save())
        self.kind.currentTextChanged.connect(lambda _: self._follow())
        self.reading.answered.connect(self._show_copy)
        self.saving.answered.connect(self._show_saved)
        for task in (self.reading, self.saving):
            task.failed.connect(self._fail)
            self.at_the_end(task.end)
        self.listen(self.viewer.layers.events.inserted, self._follow)
        self.listen(self.viewer.layers.events.removed, self._follow)

    def say(self, sentence: str) -> None:
        """Show a sentence at the bottom."""
        self.text.setText(sentence)

    @property
    def copy(self) -> Any:
        """The layer that is painted on; None where there is none."""
        layer = layer_of_kind(self.viewer, EDITED_LAYERS[FOUND[self.kind.currentText()]])
        return layer if layer is not None and is_painted_on(layer) else None

    def _follow(self, event: Any = None) -> None:
        del event
        result = shown_result(self.viewer)
        self.edit.setEnabled(result is not None)
        self.save.setEnabled(self.copy is not None)
        if result is None:
            self.say(missing_result_text(self.viewer))
        elif self.copy is None:
            self.say(_HELP)

    def _edit(self) -> None:
        result, kind = shown_result(self.viewer), self.kind.currentText()
        if result is None:
            return
        if self.copy is not None:
            self._begin_painting(self.copy)
            return
        self.edit.setEnabled(False)
        self.say("Reading labels...")
        self.reading.ask(lambda _: (result, kind, labels_to_edit(result, kind)))

    def _show_copy(self, answer: tuple[PhaseMap, str, NDArray[Any]]) -> None:
        result, kind, values = answer
        found, point = FOUND[kind], self.viewer.dims.point
        stored = layer_of_kind(self.viewer, EDITED_LAYERS[found])
        if stored is not None:
            self.viewer.layers.remove(stored)
        planned = edited_layer(result, found, [values])
        layer = add_layer(self.viewer, layer_tuple(planned, {RESULT: result, KIND: planned.name}))
        self.viewer.dims.point = point
        self._follow()
        self._begin_painting(layer)

    def _begin_painting(self, layer: Any) -> None:
        kind = self.kind.currentText()
        found = layer_of_kind(self.viewer, kind)
        if found is not None:
            found.visible = False
        self.viewer.dims.ndisplay = 2
        layer.visible = True
        activate(self.viewer, layer)
        layer.mode = "paint"
        self.say(f"Paint with napari's tools (top left). {numbers_text(layer.metadata[RESULT], kind)}")

    def _save(self) -> None:
        layer, kind = self.copy, self.kind.currentText()
        if layer is None:
            return
        self._mode = layer.mode
        layer.editable = False  # what is written shall be what is there
        for button in (self.edit, self.save):
            button.setEnabled(False)
        self.say("Saving labels...")
        values, result = layer.data, layer.metadata[RESULT]
        self.saving.ask(partial(_stored, result, FOUND[kind], values))

    def _show_saved(self, saved: tuple[PhaseMap, str]) -> None:
        result, found = saved
        self._release()
        self.say(saved_text(result, found))

    def _fail(self, sentence: str) -> None:
        self._release()
        self.say(sentence)

    def _release(self) -> None:
        self._follow()
        if self.copy is not None:
            self.copy.editable, self.copy.mode = True, self._mode


def _stored(result: PhaseMap, found: str, values: NDArray[Any], progress: Any) -> tuple[PhaseMap, str]:
    return store_edited_labels(result, {found: values}, progress=progress), found
