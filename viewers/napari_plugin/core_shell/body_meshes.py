"""Surfaces of a body: its skin, its core, and the faces that a cut lays open, in the colours of what is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from xanesmap.viewers.colours import fraction_map, phase_colours
from xanesmap.viewers.napari_plugin.core_shell.bodies import Body
from xanesmap.viewers.napari_plugin.core_shell.cuts import HalfSpace, cut_frame
from xanesmap.viewers.napari_plugin.core_shell.triangle_cutting import Mesh, empty_mesh, inside_all, side_above

FloatArray = NDArray[np.floating[Any]]
Tint = Literal["phases", "fraction"]
"""Colours of the phase labels, or of the fraction of the core's phase."""


def level_mesh(body: Body, field: FloatArray) -> Mesh:
    """Surface where a field of a body is 0, facing away from what is above; without values.

    Parameters
    ----------
    body
        The body.
    field
        (z, y, x) on its grid, below 0 at the rim.
    """
    if not field.max() > 0 > field.min():
        return empty_mesh(0)
    surface: Callable[..., Any] = marching_cubes  # without types
    vertices, faces, _, _ = surface(np.asarray(field, np.float32), 0.0)
    return Mesh(
        vertices=body.origin_um + vertices * body.step_um,
        faces=faces[:, ::-1].astype(np.intp),
        values=np.empty((len(vertices), 0)),
    )


def cap_mesh(body: Body, spaces: Sequence[HalfSpace], number: int, *, without: FloatArray | None = None) -> Mesh:
    """Face that a cut lays open: the part of one of its planes that lies in the body and in the other half-spaces.

    Parameters
    ----------
    body
        The body.
    spaces
        Half-spaces whose common part is taken away.
    number
        Which of them has the face.
    without
        Field that has to be below 0 as well, such as that of a core that stays whole.

    Returns
    -------
    Mesh
        Facing the part that is taken away; without values.
    """
    mesh = _plane_grid(body, spaces[number])
    for field in [body.solid] if without is None else [body.solid, -without]:
        mesh = side_above(mesh, body.sampled(field, mesh.vertices))
    return inside_all(mesh, [space for index, space in enumerate(spaces) if index != number])


def _plane_grid(body: Body, space: HalfSpace) -> Mesh:
    """Triangles in a plane, as fine as the grid of the body, wherever it may meet the body."""
    _, right, down = cut_frame(space.normal)
    offsets = body.corners_um() - space.point
    if (offsets @ np.array(space.normal) > 0).all() or (offsets @ np.array(space.normal) < 0).all():
        return empty_mesh(0)
    across, along = (
        np.arange((offsets @ axis).min(), (offsets @ axis).max() + body.step_um, body.step_um) for axis in (right, down)
    )
    points = space.point + across[:, None, None] * right + along[:, None] * down
    numbers = np.arange(len(across) * len(along)).reshape(len(across), len(along))
    a, b, c, d = numbers[:-1, :-1], numbers[1:, :-1], numbers[1:, 1:], numbers[:-1, 1:]
    faces = np.stack([np.stack([a, b, c], axis=-1), np.stack([a, c, d], axis=-1)]).reshape(-1, 3)
    vertices = points.reshape(-1, 3)
    near = body.sampled(body.solid, vertices) > 0
    return Mesh(vertices=vertices, faces=faces[near[faces].any(axis=1)], values=np.empty((len(vertices), 0)))


def tinted(
    mesh: Mesh, body: Body, phases: Sequence[str], *, core: int, tint: Tint = "phases", of_shell: bool = False
) -> Mesh:
    """Mesh with the red, green and blue of what is at its vertices.

    Parameters
    ----------
    mesh
        On or in the body.
    body
        The body.
    phases
        Names of the phases of the result.
    core
        Index of the phase whose fraction colours show.
    tint
        What colours show.
    of_shell
        Whether the mesh is known to lie outside the core, so that its phase is not asked for.
    """
    if tint == "fraction":
        fraction = body.sampled(body.fraction, mesh.vertices)
        return coloured(mesh, fraction_map(phases, core)(np.clip(fraction, 0, 1))[:, :3])
    shares = np.stack([body.sampled(share, mesh.vertices) for share in body.shares])
    shares[core] *= not of_shell
    return coloured(mesh, phase_colours(phases)[np.argmax(shares, axis=0)])


def coloured(mesh: Mesh, colours: FloatArray) -> Mesh:
    """Mesh with colours (3,) for all or (vertex, 3) for each vertex."""
    values = np.broadcast_to(np.asarray(colours, dtype=np.float64), (len(mesh.vertices), 3))
    return Mesh(vertices=mesh.vertices, faces=mesh.faces, values=values)


def core_cap(body: Body, spaces: Sequence[HalfSpace], number: int, *, colour: FloatArray) -> Mesh:
    """Face of the core that a cut lays open, in one colour (3,); see `cap_mesh`."""
    return coloured(cap_mesh(replace(body, solid=body.core), spaces, number), colour)


def reversed_mesh(mesh: Mesh) -> Mesh:
    """The same surface facing the other way."""
    return Mesh(vertices=mesh.vertices, faces=mesh.faces[:, ::-1], values=mesh.values)
