"""Form of the core-shell view: what is shown, cut and moved apart, as widgets of Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QGroupBox, QLabel, QLineEdit, QVBoxLayout, QWidget
from superqt import QLabeledDoubleSlider

from xanesmap.viewers.napari_plugin.core_shell.view import Choices

SHAPES: dict[str, str | None] = {
    "nothing": None,
    "half": "half",
    "wedge": "wedge",
    "octant": "octant",
    "box": "box",
}
SPREADS = {
    "nothing": "together",
    "core out of its shell": "core",
    "halves of the shell": "halves",
    "particles": "particles",
}
OTHER = "other: z, y, x"
"""Entry of the directions that asks for three numbers."""


class CoreShellForm(QWidget):
    """Fields of the view; `changed` tells of every change."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._arrange()
        self._connect()
        self._show_what_applies()

    def _arrange(self) -> None:
        self.particle, self.style, self.along = QComboBox(), QComboBox(), QComboBox()
        self.shape, self.spread = _choice(SHAPES), _choice(SPREADS)
        self.given = QLineEdit("1, 1, 0")
        self.opacity, self.position, self.turn, self.angle, self.size, self.distance = (
            _slider(low, high, value, digits)
            for low, high, value, digits in (
                (0.05, 0.95, 0.35, 2),
                (-1, 1, 0, 3),
                (-180, 180, 0, 0),
                (10, 180, 90, 0),
                (0.1, 1, 0.5, 3),
                (0, 1, 0, 3),
            )
        )
        self.flip, self.whole_core = QCheckBox("take the other side"), QCheckBox("the core stays whole")
        self.shape.setCurrentText("octant")
        self.flip.setChecked(True)  # towards the isometric camera
        shown = _group("Show")
        shown.layout().addRow("Particle", self.particle)
        shown.layout().addRow("As", self.style)
        shown.layout().addRow("Opacity", self.opacity)
        cut = _group("Cut away")
        cut.layout().addRow("Shape", self.shape)
        cut.layout().addRow("Along", self.along)
        cut.layout().addRow("Direction", self.given)
        cut.layout().addRow("Position (µm)", self.position)
        cut.layout().addRow("Turn (°)", self.turn)
        cut.layout().addRow("Opening (°)", self.angle)
        cut.layout().addRow("Width (µm)", self.size)
        cut.layout().addRow(self.flip)
        cut.layout().addRow(self.whole_core)
        apart = _group("Move apart")
        apart.layout().addRow("Parts", self.spread)
        apart.layout().addRow("Distance (µm)", self.distance)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for group in (shown, cut, apart):
            layout.addWidget(group)

    def _connect(self) -> None:
        for box in (self.particle, self.style, self.along, self.shape, self.spread):
            box.currentIndexChanged.connect(self._tell)
        for slider in (self.opacity, self.position, self.turn, self.angle, self.size, self.distance):
            slider.valueChanged.connect(self._tell)
        for check in (self.flip, self.whole_core):
            check.toggled.connect(self._tell)
        self.given.editingFinished.connect(self._tell)

    def _tell(self, *_: Any) -> None:
        self._show_what_applies()
        self.changed.emit()

    def _show_what_applies(self) -> None:
        """Show the fields that matter for what is chosen."""
        shape, style = self.shape.currentData(), self.style.currentData()
        moving = self.spread.currentData()
        surfaces = style in ("phases", "fraction", "glass")
        along = shape is not None or moving in ("core", "halves")
        applies = {
            self.opacity: style == "glass",
            self.along: along,
            self.given: along and self.along.currentData() is None,
            self.position: shape is not None,
            self.turn: shape in ("wedge", "octant", "box"),
            self.angle: shape == "wedge",
            self.size: shape == "box",
            self.flip: shape is not None,
            self.whole_core: shape is not None and surfaces,
            self.distance: moving != "together",
        }
        for field, shown in applies.items():
            _form_of(field).setRowVisible(field, shown)
        self.spread.setEnabled(surfaces)
        self.distance.setEnabled(surfaces)

    @property
    def choices(self) -> Choices:
        """What is chosen."""
        along = self.along.currentData() or self.given.text()
        return Choices(
            particle=self.particle.currentData(),
            style=self.style.currentData() or "phases",
            cut=self.shape.currentData(),
            along=along,
            position_um=self.position.value(),
            flip=self.flip.isChecked(),
            turn_deg=self.turn.value(),
            angle_deg=self.angle.value(),
            size_um=self.size.value(),
            whole_core=self.whole_core.isChecked(),
            shell_opacity=self.opacity.value(),
            spread=self.spread.currentData(),
            spread_um=self.distance.value(),
        )

    def offer(
        self,
        *,
        particles: Mapping[str, int | None],
        styles: Mapping[str, str],
        directions: Iterable[str],
        first: int | None = None,
    ) -> None:
        """Fill the lists, choosing what was chosen before where it is still there; `changed` is not told.

        Parameters
        ----------
        particles
            Numbers by what is shown of them.
        styles
            Styles by their names.
        directions
            Names, beside which three numbers can be given.
        first
            Particle that is chosen at first.
        """
        _fill(self.particle, particles)
        self.particle.blockSignals(True)
        self.particle.setCurrentIndex(list(particles.values()).index(first))
        self.particle.blockSignals(False)
        _fill(self.style, styles)
        _fill(self.along, {**{name: name for name in directions}, OTHER: None})
        self._show_what_applies()

    def set_reach(self, radius_um: float) -> None:
        """Let positions, widths and distances run as far as what is shown; `changed` is not told."""
        ends = {self.position: (-1.0, 1.0), self.size: (0.02, 2.0), self.distance: (0.0, 2.0)}
        for slider, (low, high) in ends.items():
            slider.blockSignals(True)
            slider.setRange(low * radius_um, high * radius_um)
            slider.blockSignals(False)


def _choice(entries: Mapping[str, Any]) -> QComboBox:
    box = QComboBox()
    for text, value in entries.items():
        box.addItem(text, value)
    return box


def _fill(box: QComboBox, entries: Mapping[str, Any]) -> None:
    before = box.currentText()
    box.blockSignals(True)
    box.clear()
    for text, value in entries.items():
        box.addItem(text, value)
    box.setCurrentIndex(max(0, box.findText(before)))
    box.blockSignals(False)


def _slider(low: float, high: float, value: float, digits: int) -> QLabeledDoubleSlider:
    slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    slider.setRange(low, high)
    slider.setDecimals(digits)
    slider.setValue(value)
    return slider


def _group(title: str) -> QGroupBox:
    group = QGroupBox(title)
    form = QFormLayout(group)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    return group


def _form_of(field: QWidget) -> QFormLayout:
    return field.parentWidget().layout()


def label(text: str) -> QLabel:
    """Text that wraps."""
    shown = QLabel(text)
    shown.setWordWrap(True)
    return shown
