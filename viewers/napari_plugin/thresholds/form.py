"""Sliders of the threshold explorer."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QSlider, QWidget

from xanesmap.viewers.napari_plugin.thresholds.drawing import readable_unit
from xanesmap.viewers.napari_plugin.thresholds.settings import LEAST_PURE, MOST_PURE, Thresholds

_STEPS = 100
_STEPS_PER_DOUBLING = 5


class ThresholdForm(QWidget):
    """Three sliders: fraction, edge step and size of particles."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.thresholds = Thresholds(pure=0.7, mask=None, least_voxels=1)
        self._largest_amount, self._unit = 1.0, "1/um"
        self.pure = _slider(round(100 * LEAST_PURE), round(100 * MOST_PURE), "A voxel is of a phase from here on.")
        self.mask = _slider(0, _STEPS, "Voxels with a smaller edge step are no sample; left: as the run.")
        self.least = _slider(0, 20 * _STEPS_PER_DOUBLING, "Smaller parts of the sample are no particles.")
        self.values = [QLabel(), QLabel(), QLabel()]
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        titles = ("Pure phase from", "Edge step from", "Particles from")
        for row, (title, slider, value) in enumerate(zip(titles, self._sliders, self.values, strict=True)):
            grid.addWidget(QLabel(title), row, 0)
            grid.addWidget(slider, row, 1)
            grid.addWidget(value, row, 2)
            value.setMinimumWidth(105)
        self.pure.valueChanged.connect(lambda value: self._take(pure=value / 100))
        self.mask.valueChanged.connect(lambda value: self._take(mask=self._largest_amount * value / _STEPS or None))
        self.least.valueChanged.connect(
            lambda value: self._take(least_voxels=round(2 ** (value / _STEPS_PER_DOUBLING)))
        )

    @property
    def _sliders(self) -> tuple[QSlider, QSlider, QSlider]:
        return self.pure, self.mask, self.least

    def begin(self, thresholds: Thresholds, *, largest_amount: float, unit: str) -> None:
        """Show settings without telling that they changed.

        Parameters
        ----------
        thresholds
            Settings; they hold exactly until a slider is moved.
        largest_amount
            Edge step at the right end of its slider.
        unit
            Of the edge step.
        """
        self.thresholds, self._largest_amount, self._unit = thresholds, largest_amount, unit
        positions = (
            round(100 * thresholds.pure),
            round(_STEPS * (thresholds.mask or 0) / largest_amount),
            round(_STEPS_PER_DOUBLING * math.log2(thresholds.least_voxels)),
        )
        for slider, position in zip(self._sliders, positions, strict=True):
            slider.blockSignals(True)
            slider.setValue(position)
            slider.blockSignals(False)
        self._tell()

    def _take(self, **values: Any) -> None:
        self.thresholds = replace(self.thresholds, **values)
        self._tell()
        self.changed.emit()

    def _tell(self) -> None:
        now = self.thresholds
        unit = "" if self._unit == "1" else f" {readable_unit(self._unit)}"
        pure, mask, least = self.values
        pure.setText(f"{now.pure:.2f}")
        mask.setText("as the run" if now.mask is None else f"{now.mask:.3g}{unit}")
        least.setText(f"{now.least_voxels:,} voxel{'s' if now.least_voxels > 1 else ''}")


def _voxels(position: int) -> int:
    return round(2 ** (position / _STEPS_PER_DOUBLING))


def _slider(low: int, high: int, hint: str) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(low, high)
    slider.setToolTip(hint)
    slider.setMinimumWidth(120)
    return slider
