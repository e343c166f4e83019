"""Triangle surfaces drawn on paper: seen along an axis, lit from above, coloured by a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap, Normalize
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

UNKNOWN = (0.8, 0.8, 0.8, 1.0)
"""Colour of faces without a value."""

_AMBIENT = 0.45  # share of the light that comes from everywhere
_LIGHT = np.array([-0.35, -0.45, 0.82])  # across, down and towards the eye


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where a surface is seen from."""

    right: int
    """Axis (0 z, 1 y, 2 x) that runs to the right."""
    down: int
    across: int
    """Axis along which one looks."""
    from_far: bool = False
    """Whether the eye is at the far end of that axis."""

    @property
    def right_sign(self) -> int:
        """-1 where that axis runs to the left: x, y, z are right-handed, and right x down points away from the eye."""
        xyz = [2 - axis for axis in (self.right, self.down, self.across)]
        handedness = 1 if xyz in ([0, 1, 2], [1, 2, 0], [2, 0, 1]) else -1
        return -handedness if self.from_far else handedness

    @property
    def title(self) -> str:
        """The view in words."""
        return f"seen along {'−' if self.from_far else '+'}{'zyx'[self.across]}"


VIEWS = (
    View(right=2, down=1, across=0),
    View(right=2, down=0, across=1, from_far=True),
    View(right=1, down=0, across=2),
    View(right=2, down=1, across=0, from_far=True),
)
"""Along z, y and x, and along z from the other side."""


def draw_surface(
    axes: Axes,
    vertices: FloatArray,
    faces: NDArray[np.integer[Any]],
    *,
    colours: FloatArray,
    view: View,
    extent_um: float | None = None,
) -> None:
    """Draw a surface.

    Parameters
    ----------
    axes
        Where to; its frame is taken off, one unit is as long in both directions.
    vertices
        `(vertex, 3)` z, y, x, um.
    faces
        `(face, 3)` numbers of vertices.
    colours
        `(face, 4)` red, green, blue, opacity, 0 to 1; see `face_colours`.
    view
        Where from.
    extent_um
        Width and height of what is shown about the middle of the surface; all of it when not given.
    """
    corners = vertices[faces]  # (face, corner, 3)
    towards = 1.0 if view.from_far else -1.0
    flat = np.stack([view.right_sign * corners[..., view.right], corners[..., view.down]], axis=-1)
    height = towards * corners[..., view.across]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    lit = np.stack(
        [view.right_sign * normal[:, view.right], normal[:, view.down], towards * normal[:, view.across]], axis=-1
    )
    # both sides of an open surface are lit
    lit *= np.sign(np.where(lit[:, 2:] == 0, 1, lit[:, 2:]))
    brightness = _AMBIENT + (1 - _AMBIENT) * np.clip(lit @ _LIGHT, 0, 1)
    order = np.argsort(height.mean(axis=1))
    shaded = np.concatenate([colours[:, :3] * brightness[:, None], colours[:, 3:]], axis=1)[order]
    # edges in the colour of the face close the hairlines between polygons
    axes.add_collection(PolyCollection(list(flat[order]), facecolors=shaded, edgecolors=shaded, linewidths=0.2))
    low, high = flat.min(axis=(0, 1)), flat.max(axis=(0, 1))
    half = 0.5 * (extent_um or 1.04 * float((high - low).max()))
    across, down = (low + high) / 2
    axes.set(xlim=(across - half, across + half), ylim=(down + half, down - half), aspect="equal")
    axes.set_axis_off()


def face_colours(
    values: FloatArray, faces: NDArray[np.integer[Any]], *, colour_map: Colormap, norm: Normalize
) -> FloatArray:
    """`(face, 4)` colours of faces from the values `(vertex,)` at their corners; `UNKNOWN` where one is NaN."""
    means = values[faces].mean(axis=1)
    colours = np.asarray(colour_map(norm(np.nan_to_num(means))))
    colours[~np.isfinite(means)] = UNKNOWN
    return colours
