"""The layer that shows phases for trial thresholds, in place of the labels of the result."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Layer

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.napari_plugin.layers.layer_plan import PHASE, label_colouring
from xanesmap.viewers.napari_plugin.session import layer_of_kind
from xanesmap.viewers.napari_plugin.spectrum.probe_layers import activate
from xanesmap.viewers.napari_plugin.thresholds.model import Exploration

TRIAL = "phase (trial)"


class TrialLayer:
    """Made with the first trial, taken away at the end; meanwhile the labels of the result are hidden.

    Parameters
    ----------
    viewer
        The viewer.
    """

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.layer: Layer | None = None
        self._hidden: Layer | None = None

    def show(self, tried: Exploration, result: PhaseMap) -> None:
        """Show the labels of a trial, coarse ones where they lie."""
        um = result.pixel_size_um
        placed = {"scale": (tried.step * um,) * 3, "translate": ((tried.step - 1) / 2 * um,) * 3}
        if self.layer is None or self.layer not in self.viewer.layers:
            self._add(tried, result, placed)
            return
        if self.layer.data.shape != tried.labels.shape:
            self.layer.scale, self.layer.translate = placed["scale"], placed["translate"]
        self.layer.data = tried.labels

    def _add(self, tried: Exploration, result: PhaseMap, placed: dict[str, Any]) -> None:
        active, point = self.viewer.layers.selection.active, self.viewer.dims.point
        names = ["outside", *result.label_names]
        self.layer = self.viewer.add_labels(
            tried.labels,
            name=TRIAL,
            colormap=label_colouring(result.phases),
            features={"index": np.arange(len(names)), "phase": names},
            rendering="iso_categorical",
            iso_gradient_mode="smooth",
            opacity=1.0,
            units=("um",) * 3,
            axis_labels=("z", "y", "x"),
            **placed,
        )
        activate(self.viewer, active)
        self.viewer.dims.point = point
        phase = layer_of_kind(self.viewer, PHASE)
        if phase is not None and phase.visible:
            phase.visible, self._hidden = False, phase

    def remove(self) -> None:
        """Take it away, and show the labels of the result again."""
        if self.layer is not None and self.layer in self.viewer.layers:
            self.viewer.layers.remove(self.layer)
        if self._hidden is not None and self._hidden in self.viewer.layers:
            self._hidden.visible = True
        self.layer = self._hidden = None
