"""The slider of the photon energy: where it stands, and how it is moved."""

from __future__ import annotations

from typing import Any

from xanesmap.viewers.napari_plugin.session import mu_layer


def energy_axis(viewer: Any) -> int | None:
    """Axis of the viewer that is the photon energy; None while there is no layer of the attenuation."""
    mu = mu_layer(viewer)
    return None if mu is None else viewer.dims.ndim - mu.ndim


def energy_step(viewer: Any) -> int | None:
    """Index of the energy that the slider shows; None while there is none."""
    axis = energy_axis(viewer)
    return None if axis is None else int(viewer.dims.current_step[axis])


def show_energy(viewer: Any, index: int) -> None:
    """Move the slider to an energy, if there is one."""
    axis = energy_axis(viewer)
    if axis is not None and viewer.dims.current_step[axis] != index:
        viewer.dims.set_current_step(axis, index)
