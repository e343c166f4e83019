"""Widgets side by side."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QWidget


def row_of(*widgets: QWidget) -> QHBoxLayout:
    """Widgets from left to right."""
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
