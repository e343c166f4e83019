"""Which layers of a viewer are ours, what they show and which result they belong to."""

from __future__ import annotations

from typing import Any

from napari.layers import Layer

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.napari_plugin.layers.layer_plan import MU

RESULT = "xanesmap_result"
"""Key under which the metadata of a layer hold its `PhaseMap`."""
KIND = "xanesmap_layer"
"""Key under which they hold the name the layer was planned with, which stays when it is renamed."""
STEPS = "xanesmap_steps"
"""Key under which they hold the `AxisSteps` of axes whose steps are not even, or not in um."""

REMOVED = "xanesmap_removed"
"""Key under which those of the phase labels hold the half-spaces whose common part the core-shell view has cut away."""


def add_layer(viewer: Any, described: tuple[Any, dict[str, Any], str]) -> Layer:
    """Add a layer as readers describe it: data, options, kind."""
    layer: Layer = viewer._add_layer_from_data(*described)[0]  # noqa: SLF001  # what viewer.open calls
    return layer


def mu_layer(viewer: Any) -> Layer | None:
    """The layer of the attenuation; None where the result has none or it was removed."""
    return layer_of_kind(viewer, MU)


def layer_of_kind(viewer: Any, kind: str) -> Layer | None:
    """The last layer that was planned with that name, whatever it is called now."""
    found = [layer for layer in viewer.layers if layer.metadata.get(KIND) == kind]
    return found[-1] if found else None


def shown_result(viewer: Any) -> PhaseMap | None:
    """The result of the active layer, or of the topmost layer that has one."""
    active = viewer.layers.selection.active
    candidates = [*([active] if active is not None else []), *reversed(viewer.layers)]
    return next((layer.metadata[RESULT] for layer in candidates if RESULT in layer.metadata), None)
