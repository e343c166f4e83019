"""Layers that the spectrum probe adds to a viewer: outlines being drawn, and marks of the places probed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import napari
import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray

from xanesmap.viewers.napari_plugin.layers.layer_plan import PHASE
from xanesmap.viewers.napari_plugin.session import layer_of_kind
from xanesmap.viewers.napari_plugin.spectrum.comparison import Listed

Tool = Literal["box", "lasso", "polygon"]
OUTLINES, MARKS = "probe outline", "probed"

_MODES = {"box": "add_rectangle", "lasso": "add_polygon_lasso", "polygon": "add_polygon"}
_MARK_PX = (0, 18)  # on the screen; a least size would draw the point that napari hides where it has none to show


_OUTLINE_KEY = "xanesmap_probe_outline"


class ProbeLayers:
    """The two layers, made when they are needed; at the end the marks are taken away and the outlines hidden.

    napari 0.9 crashes on some machines where a layer of shapes is added after another was removed
    (its issue 8471), so the one there is stays, empty, for the next time.

    Parameters
    ----------
    viewer
        The viewer.
    outlined
        Called with the (corner, 3) outline in voxels, z, y, x, and the tool, when one was drawn.
    """

    def __init__(self, viewer: napari.Viewer, outlined: Callable[[NDArray[np.float64], Tool], None]) -> None:
        self.viewer = viewer
        self._outlined = outlined
        self._outlines: Layer | None = None
        self._marks: Layer | None = None
        self._colours: tuple[str, ...] = ()
        self._tool: Tool = "box"
        self._before: Layer | None = None

    def draw(self, tool: Tool) -> bool:
        """Let the user draw an outline in the slice shown; False where there is no result to draw on."""
        phase = layer_of_kind(self.viewer, PHASE)
        if phase is None:
            return False
        self.viewer.dims.ndisplay = 2
        self._tool, self._before = tool, self.viewer.layers.selection.active
        if self._before is self._outlines:
            self._before = phase
        if self._outlines is None or self._outlines not in self.viewer.layers:
            self._outlines = self._outline_layer(phase)
            self._outlines.events.data.connect(self._take)
        self.viewer.layers.selection.active = self._outlines
        self._outlines.mode = _MODES[tool]
        return True

    def _outline_layer(self, phase: Layer) -> Layer:
        """The layer that an earlier probe left, where there is one, or a new one."""
        place = _placed(phase)
        left = next((layer for layer in self.viewer.layers if _OUTLINE_KEY in layer.metadata), None)
        if left is None:
            look = {"face_color": "#ffffff18", "edge_color": "#ff5050", "edge_width": 0.5}
            return self.viewer.add_shapes(ndim=3, name=OUTLINES, metadata={_OUTLINE_KEY: True}, **look, **place)
        for name, value in place.items():
            setattr(left, name, value)
        left.visible = True
        return left

    def _take(self, event: Any) -> None:
        layer = self._outlines
        if layer is None or str(getattr(event, "action", "")) != "added" or not layer.data:
            return
        outline = np.asarray(layer.data[-1], dtype=np.float64)
        layer.mode = "pan_zoom"
        if self._before is not None and self._before in self.viewer.layers:
            activate(self.viewer, self._before)
        self._outlined(outline, self._tool)

    def clear_outline(self) -> None:
        """Take away what was drawn."""
        if self._outlines is not None and self._outlines in self.viewer.layers and self._outlines.data:
            with self._outlines.events.data.blocker(self._take):
                self._outlines.data = []

    def mark(self, shown: Sequence[Listed]) -> None:
        """Mark where spectra were probed, in their colours; in 2-D only.

        In 3-D a mark would have the whole scene drawn again, which takes seconds without a graphics card.
        """
        phase, in_2d = layer_of_kind(self.viewer, PHASE), self.viewer.dims.ndisplay == 2
        if self._marks is not None and self._marks in self.viewer.layers and self._marks.visible != in_2d:
            self._marks.visible = in_2d  # napari draws all again, even where it is as it was
        if phase is None or not in_2d or not (shown or self._marks):
            return
        if self._marks is None or self._marks not in self.viewer.layers:
            self._colours = ()
            active = self.viewer.layers.selection.active
            self._marks = self.viewer.add_points(
                ndim=3,
                name=MARKS,
                symbol="disc",
                face_color="transparent",
                border_width=0.25,
                canvas_size_limits=_MARK_PX,
                **_placed(phase),
            )
            activate(self.viewer, active)
        self._place(self._marks, np.array([one.spectrum.centre for one in shown]).reshape(-1, 3))
        colours = tuple(one.colour for one in shown)
        if shown and colours != self._colours:
            self._marks.border_color = list(colours)
        self._colours = colours

    @staticmethod
    def _place(marks: Layer, centres: NDArray[np.float64]) -> None:
        if not np.array_equal(marks.data, centres):
            marks.data = centres
            marks.selected_data = set()

    def remove(self) -> None:
        """Take the marks away, and hide what outlines are drawn on."""
        if self._marks is not None and self._marks in self.viewer.layers:
            self.viewer.layers.remove(self._marks)
        if self._outlines is not None:
            self._outlines.events.data.disconnect(self._take)
            if self._outlines in self.viewer.layers:
                self._outlines.data, self._outlines.mode, self._outlines.visible = [], "pan_zoom", False
        self._outlines = self._marks = None


def activate(viewer: Any, layer: Layer | None) -> None:
    """Select one layer.

    For the status bar napari asks a selected layer of labels what is under the cursor, which in 3-D fails as long as
    the mouse has not moved; so it is told meanwhile that the mouse is elsewhere.
    """
    over, viewer.mouse_over_canvas = viewer.mouse_over_canvas, False
    viewer.layers.selection.active = layer
    viewer.mouse_over_canvas = over


def _placed(phase: Layer) -> dict[str, Any]:
    """Scale, axes and units of the labels."""
    return {name: getattr(phase, name) for name in ("scale", "translate", "axis_labels", "units")}
