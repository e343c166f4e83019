"""The label that is selected in the layer of phases or of particles, as a region."""

from __future__ import annotations

from typing import Any

from xanesmap.errors import DataError
from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.napari_plugin.layers.layer_plan import PARTICLE, PHASE
from xanesmap.viewers.napari_plugin.session import KIND, RESULT, layer_of_kind
from xanesmap.viewers.napari_plugin.spectrum.probed_region import Region, label_region


def chosen_label(viewer: Any) -> tuple[PhaseMap, Region]:
    """Voxels of the label selected in the active layer of phases or particles, else in that of phases.

    Parameters
    ----------
    viewer
        The viewer.

    Returns
    -------
    The result that the layer shows, and the voxels in it.

    Raises
    ------
    DataError
        No such layer, or a label that does not exist.
    """
    active = viewer.layers.selection.active
    is_labels = active is not None and active.metadata.get(KIND) in (PHASE, PARTICLE)
    layer = active if is_labels else layer_of_kind(viewer, PHASE)
    if layer is None or RESULT not in layer.metadata:
        message = "no layer with the phases or particles of a result is open; open the result again."
        raise DataError(message)
    result, value = layer.metadata[RESULT], int(layer.selected_label)
    if layer.metadata[KIND] == PARTICLE:
        _require(value >= 1, f"particle {value}")
        return result, label_region(result.levels("particle_labels")[0], value, name=f"particle {value}")
    _require(1 <= value <= len(result.label_names), f"phase label {value}")
    return result, label_region(result.levels("phase_labels")[0], value, name=f"phase {result.label_names[value - 1]}")


def _require(holds: bool, what: str) -> None:
    if not holds:
        message = f"{what} does not exist; set the label of the layer to one of those shown (key M takes the next)."
        raise DataError(message)
