"""One picture in a viewer at a time: what a widget shows in place of the volumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from napari.components.overlays import TextOverlay
from napari.layers import Layer
from numpy.typing import NDArray

from xanesmap.viewers.napari_plugin.projections.frames import shown_limits

_TEXT_SIZE = 12
_FILLED = 0.88  # of the canvas, so that the text above has its place


class FlatPicture:
    """A layer that shows one image after the other; the layers that were shown are hidden meanwhile.

    Parameters
    ----------
    viewer
        The viewer.
    name
        Of the layer.
    """

    def __init__(self, viewer: Any, name: str) -> None:
        self._viewer = viewer
        self._name = name
        self._layer: Layer | None = None
        self._kind: object = None
        self._before: _Before | None = None

    @property
    def layer(self) -> Layer | None:
        """The layer; None while there is none."""
        return self._layer if self._layer in self._viewer.layers else None

    def show(
        self,
        image: NDArray[Any],
        *,
        text: str,
        scale: tuple[float, float] | None,
        kind: object,
        limits: tuple[float, float] | None = None,
        ramp: str = "gray",
    ) -> None:
        """Show an image.

        Parameters
        ----------
        image
            (row, column).
        text
            What it is, told above it.
        scale
            Extent of a pixel along both axes, um; None where it is not known.
        kind
            Where it differs from that of the image before, contrast and view are set anew; else they stay.
        limits
            Values at the ends of the colours; by default of this image.
        ramp
            Name of the colour map.
        """
        layer = self.layer
        if layer is None:
            layer = self._add(image, "pixel" if scale is None else "um")
        anew = kind != self._kind or layer.data.shape != image.shape
        layer.data = image
        if anew:  # each setting draws the layer again
            layer.scale = scale or (1, 1)
            self._kind = kind
            layer.colormap = ramp
            layer.contrast_limits = shown_limits(image) if limits is None else limits
            self._fit(layer)
        self._tell(text)

    def _add(self, image: NDArray[Any], unit: str) -> Layer:
        """A new layer, alone in view."""
        self._before = self._before or _Before.of(self._viewer)  # the user may have removed the picture by hand
        for other in self._before.shown:
            other.visible = False
        self._viewer.dims.ndisplay = 2
        self._viewer.canvas.overlays.axes.visible = False  # they name the axes of volumes
        options = {"units": (unit, unit), "interpolation2d": "nearest"}
        self._layer = self._viewer.add_image(image, name=self._name, **options)
        return self._layer

    def _fit(self, layer: Layer) -> None:
        """Fill the canvas; napari's own way fails for a plane beside volumes of more dimensions."""
        extent = np.array(layer.data.shape) * layer.scale
        self._viewer.scene.camera.center = (0.0, *((extent - layer.scale) / 2))
        self._viewer.scene.camera.zoom = _FILLED * float(np.min(np.array(self._viewer.canvas.size) / extent))

    def _tell(self, text: str) -> None:
        overlays = self._viewer.canvas.overlays
        if self._name not in overlays:
            overlays[self._name] = TextOverlay(position="top_center", font_size=_TEXT_SIZE)
        overlays[self._name].text = text
        overlays[self._name].visible = True

    def take_away(self) -> None:
        """Remove the picture, and show again what was shown before it."""
        overlays = self._viewer.canvas.overlays
        if self._name in overlays:
            del overlays[self._name]
        layer, self._layer, self._kind = self.layer, None, None
        if layer is not None:
            self._viewer.layers.remove(layer)
        if self._before is not None:
            self._before.restore(self._viewer)
            self._before = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What a viewer showed before the picture."""

    shown: tuple[Layer, ...]
    axes: bool
    ndisplay: int
    camera: dict[str, Any]

    @classmethod
    def of(cls, viewer: Any) -> Self:
        camera = viewer.scene.camera
        return cls(
            shown=tuple(layer for layer in viewer.layers if layer.visible),
            axes=viewer.canvas.overlays.axes.visible,
            ndisplay=viewer.dims.ndisplay,
            camera={name: getattr(camera, name) for name in ("center", "zoom", "angles")},
        )

    def restore(self, viewer: Any) -> None:
        for layer in self.shown:
            if layer in viewer.layers:
                layer.visible = True
        viewer.dims.ndisplay = self.ndisplay
        viewer.canvas.overlays.axes.visible = self.axes
        for name, value in self.camera.items():
            setattr(viewer.scene.camera, name, value)
