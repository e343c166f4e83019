"""The settings of a run as lines to fill in, under tabs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QTabWidget, QVBoxLayout, QWidget

from xanesmap.viewers.napari_plugin.map_phases.run_settings import Setting, shown_settings


class SettingsForm(QWidget):
    """Every setting with its default; what differs is what counts."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, QComboBox | QCheckBox] = {}
        self._settings = {setting.key: setting for group in shown_settings().values() for setting in group}
        tabs = QTabWidget()
        tabs.setUsesScrollButtons(True)
        for title, settings in shown_settings().items():
            tabs.addTab(self._page(settings), title)
        self.tabs = tabs
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(tabs)

    def _page(self, settings: tuple[Setting, ...]) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for setting in settings:
            field = self._field(setting)
            label = QLabel(setting.label)
            told = f"<p>{setting.explanation}</p><p><i>{setting.flag}</i>, {setting.key}</p>"
            for widget in (field, label):
                widget.setToolTip(told)
            form.addRow(label, field)
            self.fields[setting.key] = field
        return page

    def _field(self, setting: Setting) -> QComboBox | QCheckBox:
        if setting.kind == "switch":
            box = QCheckBox()
            box.toggled.connect(self._tell)
            box.setChecked(bool(setting.default))
            return box
        combo = QComboBox()
        combo.addItems([*setting.choices] if setting.choices else [""])
        combo.setMinimumContentsLength(8)
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        if setting.kind == "text":
            combo.setEditable(True)
            combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
            combo.lineEdit().setPlaceholderText(str(setting.default) or setting.unset)
        combo.setCurrentText(str(setting.default))
        combo.currentTextChanged.connect(self._tell)
        return combo

    def _tell(self, *_: Any) -> None:
        self.changed.emit()

    def values(self) -> dict[str, str | bool]:
        """By key, what differs from the default."""
        found = {key: _value(field) for key, field in self.fields.items()}
        return {key: value for key, value in found.items() if value not in (self._settings[key].default, "")}

    def fill(self, values: Mapping[str, str | bool]) -> None:
        """Show settings; those not given take their default."""
        for key, field in self.fields.items():
            value = values.get(key, self._settings[key].default)
            if isinstance(field, QCheckBox):
                field.setChecked(bool(value))
            else:
                field.setCurrentText(str(value))


def _value(field: QComboBox | QCheckBox) -> str | bool:
    return bool(field.isChecked()) if isinstance(field, QCheckBox) else str(field.currentText()).strip()
