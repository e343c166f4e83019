"""Stored surfaces of particles and fronts, coloured by the thickness of the shell or by curvature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import zarr
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.napari_plugin.core_shell.cuts import HalfSpace
from xanesmap.viewers.napari_plugin.core_shell.triangle_cutting import Mesh, compact, outside

Quantity = Literal["thickness", "curvature"]

_SHARES = (0.01, 0.99)  # of the values, between which colours run


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    surface: str
    values: str
    title: str
    unit: str
    colours: str


_STORED: dict[Quantity, _Stored] = {
    "thickness": _Stored(
        surface="particle", values="shell_thickness", title="shell thickness", unit="µm", colours="viridis"
    ),
    "curvature": _Stored(
        surface="front", values="mean_curvature", title="front curvature", unit="1/µm", colours="RdBu_r"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValueSurface:
    """A surface with one value per vertex."""

    title: str
    """What the values are."""
    unit: str
    mesh: Mesh
    """Where the value is known; its values are (vertex, 1)."""
    unknown: Mesh
    """The rest, such as the surface of particles without a core."""
    limits: tuple[float, float]
    """Values at the ends of the colours: 0 and the 99th percentile of thicknesses, alike on both sides of 0 for
    curvatures."""
    ramp: NDArray[np.float64]
    """(step, 4) colours from 0 to 1."""

    @property
    def name(self) -> str:
        """Title with unit."""
        return f"{self.title} ({self.unit})"


def read_value_surface(
    result: PhaseMap, quantity: Quantity, *, particle: int | None = None, spaces: Sequence[HalfSpace] = ()
) -> ValueSurface:
    """Read a coloured surface of a segmented result.

    Parameters
    ----------
    result
        A segmented result.
    quantity
        `thickness` of the shell on the particles' surfaces, or mean `curvature` of the fronts.
    particle
        Its number; all when not given. Colours run alike for one and for all.
    spaces
        Half-spaces whose common part is taken away.

    Raises
    ------
    DataError
        The result is not segmented, or no particle shown has core and shell.
    """
    stored = _STORED[quantity]
    folder = result.path / "surfaces" / stored.surface
    if not (folder / stored.values).is_dir():
        message = f"result '{result.path}' holds no surfaces; run xanesmap segment on it first."
        raise DataError(message)
    parts = {
        key: np.asarray(zarr.open_array(folder / key, mode="r"))
        for key in ("vertices", "faces", "particle", stored.values)
    }
    values = parts[stored.values].astype(np.float64)
    faces = parts["faces"].astype(np.intp)
    if particle is not None:
        faces = faces[parts["particle"][faces[:, 0]] == particle] if len(faces) else faces
    known = np.isfinite(values)
    if not known[faces].all(axis=1).any():
        whose = "no particle" if particle is None else f"particle {particle}"
        message = f"{whose} of '{result.path}' has no {stored.title}, which needs a core in a shell; choose another."
        raise DataError(message)
    mesh = Mesh(vertices=parts["vertices"].astype(np.float64), faces=faces, values=np.nan_to_num(values)[:, None])
    of_known: NDArray[np.bool_] = np.asarray(known[faces].all(axis=1))
    return ValueSurface(
        title=stored.title,
        unit=stored.unit,
        mesh=_cut(mesh, of_known, spaces),
        unknown=_cut(mesh, ~of_known, spaces),
        limits=_limits(values[known], diverging=quantity == "curvature"),
        ramp=np.asarray(mpl.colormaps[stored.colours](np.linspace(0, 1, 256))),
    )


def _cut(mesh: Mesh, shown: NDArray[np.bool_], spaces: Sequence[HalfSpace]) -> Mesh:
    part = compact(Mesh(vertices=mesh.vertices, faces=mesh.faces[shown], values=mesh.values))
    return outside(part, spaces) if spaces else part


def _limits(values: NDArray[Any], *, diverging: bool) -> tuple[float, float]:
    low, high = np.quantile(values, _SHARES)
    if diverging:
        largest = max(abs(float(low)), abs(float(high)), 1e-6)
        return -largest, largest
    return 0.0, max(float(high), 1e-6)
