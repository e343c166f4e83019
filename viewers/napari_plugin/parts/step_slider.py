"""A slider over steps with a value in words."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QSlider, QWidget


class StepSlider(QWidget):
    """Steps from 0 to n - 1 and what each stands for.

    Parameters
    ----------
    title
        What is chosen.
    told
        Step to words; asked anew at every change.
    """

    changed = Signal(int)

    def __init__(self, title: str, told: Callable[[int], str]) -> None:
        super().__init__()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 0)
        self.value = QLabel()
        self.value.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._told = told
        self.slider.valueChanged.connect(self._change)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel(title), 0, 0)
        layout.addWidget(self.value, 0, 1)
        layout.addWidget(self.slider, 1, 0, 1, 2)

    def step(self) -> int:
        """The step chosen."""
        return int(self.slider.value())

    def set_steps(self, n: int) -> None:
        """Allow so many steps; the one chosen stays as far as it can."""
        self.slider.setRange(0, max(n - 1, 0))
        self.slider.setEnabled(n > 1)
        self.tell()

    def go_to(self, step: int) -> None:
        """Choose a step."""
        self.slider.setValue(step)

    def tell(self) -> None:
        """Write what the step stands for."""
        self.value.setText(self._told(self.step()))

    def _change(self, step: int) -> None:
        self.tell()
        self.changed.emit(step)
