"""Core and shell of particles as surfaces: cut open, with a transparent shell, or with parts moved apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xanesmap.viewers.colours import phase_colours
from xanesmap.viewers.napari_plugin.core_shell.bodies import Body
from xanesmap.viewers.napari_plugin.core_shell.body_meshes import (
    Tint,
    cap_mesh,
    coloured,
    core_cap,
    level_mesh,
    reversed_mesh,
    tinted,
)
from xanesmap.viewers.napari_plugin.core_shell.cuts import Cut, HalfSpace, removed_space
from xanesmap.viewers.napari_plugin.core_shell.triangle_cutting import Mesh, joined, outside

FloatArray = NDArray[np.floating[Any]]
Spread = Literal["together", "core", "halves", "particles"]
"""What moves apart: nothing, the core out of its shell, the halves of the shell, or particles."""

CORE, SHELL = "core", "shell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a scene shows."""

    cut: Cut | None = None
    """What is taken away."""
    whole_core: bool = False
    """Whether only the shell is cut."""
    tint: Tint = "phases"
    shell_opacity: float = 1.0
    """Below 1 the core shows through the shell."""
    spread: Spread = "together"
    spread_um: float = 0.0
    """How far parts move."""
    direction: tuple[float, float, float] = (1.0, 0.0, 0.0)
    """(z, y, x) unit vector along which core or halves move."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """One surface of a scene."""

    name: str
    mesh: Mesh
    """With red, green and blue."""
    opacity: float = 1.0
    by_value: bool = False
    """Whether colours stand for numbers, which little shade may change."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Skins:
    """Closed surfaces of a body, drawn once and cut as often as one likes."""

    body: Body
    whole: Mesh
    """Of the body, tinted."""
    core: Mesh
    """Of its core, in the colour of the core's phase."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """Everything of a result that scenes are made of."""

    skins: tuple[Skins, ...]
    phases: tuple[str, ...]
    core: int
    """Index of the core's phase."""
    tint: Tint

    @property
    def colour(self) -> FloatArray:
        """(3,) red, green, blue of the core."""
        return np.asarray(phase_colours(self.phases)[self.core])

    @property
    def centre_um(self) -> FloatArray:
        """(3,) mean of the centroids of the bodies, each counting by its voxels."""
        weights = [float((skin.body.solid > 0).sum()) * skin.body.step_um**3 for skin in self.skins]
        return np.asarray(np.average([skin.body.centre_um for skin in self.skins], axis=0, weights=weights))

    def points_um(self) -> FloatArray:
        """(point, 3) vertices of all skins."""
        return np.concatenate([skin.whole.vertices for skin in self.skins])


def build_model(bodies: Sequence[Body], phases: Sequence[str], *, core: int, tint: Tint = "phases") -> Model:
    """Draw the closed surfaces of bodies.

    Parameters
    ----------
    bodies
        At least one.
    phases
        Names of the phases of the result.
    core
        Index of the core's phase.
    tint
        Colours of the outside.
    """
    colour = phase_colours(phases)[core]
    skins = (
        Skins(
            body=body,
            whole=tinted(level_mesh(body, body.solid), body, phases, core=core, tint=tint),
            core=coloured(level_mesh(body, body.core), colour),
        )
        for body in bodies
    )
    drawn = tuple(skin for skin in skins if not skin.whole.empty)
    return Model(skins=drawn, phases=tuple(phases), core=core, tint=tint)


def scene(model: Model, look: Look) -> list[Surface]:
    """Surfaces of a look, the transparent one last.

    Parameters
    ----------
    model
        What there is.
    look
        How it is shown.
    """
    opaque = look.shell_opacity >= 1
    separate = look.whole_core or not opaque or look.spread in ("core", "halves")
    shells = [_moved(shell, shift) for skin in model.skins for shell, shift in _shells(model, skin, look, separate)]
    surfaces = []
    if separate:
        cores = [
            _moved(_core(model, skin, look), _core_shift(look) + _particle_shift(model, skin.body, look))
            for skin in model.skins
        ]
        surfaces.append(Surface(name=CORE, mesh=joined(cores)))
    by_value = model.tint == "fraction"
    surfaces.append(Surface(name=SHELL, mesh=joined(shells), opacity=look.shell_opacity, by_value=by_value))
    return [surface for surface in surfaces if not surface.mesh.empty]


def _shells(model: Model, skin: Skins, look: Look, separate: bool) -> Iterator[tuple[Mesh, FloatArray]]:
    """Pieces of the outer part of a body with their displacements."""
    shift = _particle_shift(model, skin.body, look)
    for cut, direction in _pieces(model, look):
        spaces = removed_space(cut) if cut is not None else ()
        yield _outer_part(model, skin, spaces, separate), shift + look.spread_um * direction


def _pieces(model: Model, look: Look) -> list[tuple[Cut | None, FloatArray]]:
    """Cuts that leave the pieces of the shell, and where each piece goes."""
    if look.spread != "halves":
        return [(look.cut, np.zeros(3))]
    z, y, x = map(float, model.centre_um)
    half = Cut(kind="half", centre_um=(z, y, x), direction=look.direction)
    if look.cut is not None:
        half = replace(half, centre_um=look.cut.centre_um, position_um=look.cut.position_um)
    along = np.array(look.direction)
    return [(replace(half, flip=False), -along), (replace(half, flip=True), along)]


def _outer_part(model: Model, skin: Skins, spaces: tuple[HalfSpace, ...], separate: bool) -> Mesh:
    """What is left of a body after a cut: its skin and the open faces, hollow where the core is a part of its own."""
    if not spaces:
        return skin.whole
    tint = partial(tinted, body=skin.body, phases=model.phases, core=model.core, tint=model.tint)
    numbers = range(len(spaces))
    parts = [outside(skin.whole, spaces)]
    if model.tint == "fraction" and not separate:
        return joined([*parts, *(tint(cap_mesh(skin.body, spaces, number)) for number in numbers)])
    parts += [tint(cap_mesh(skin.body, spaces, number, without=skin.body.core), of_shell=True) for number in numbers]
    if not separate:
        return joined([*parts, *(core_cap(skin.body, spaces, number, colour=model.colour) for number in numbers)])
    cavity = tint(reversed_mesh(skin.core), of_shell=True)
    return joined([*parts, outside(cavity, spaces)])


def _core(model: Model, skin: Skins, look: Look) -> Mesh:
    """The core, cut with its shell where it does not stay whole."""
    if look.cut is None or look.whole_core or look.spread in ("core", "halves"):
        return skin.core
    spaces = removed_space(look.cut)
    caps = [core_cap(skin.body, spaces, number, colour=model.colour) for number in range(len(spaces))]
    return joined([outside(skin.core, spaces), *caps])


def _core_shift(look: Look) -> FloatArray:
    if look.spread != "core":
        return np.zeros(3)
    side = -1.0 if look.cut is not None and look.cut.flip else 1.0
    return np.asarray(side * look.spread_um * np.array(look.direction))


def _particle_shift(model: Model, body: Body, look: Look) -> FloatArray:
    """Away from the common centre, the outermost particle by `spread_um` and nearer ones in proportion."""
    if look.spread != "particles":
        return np.zeros(3)
    offsets = np.array([skin.body.centre_um for skin in model.skins]) - model.centre_um
    farthest = float(np.linalg.norm(offsets, axis=1).max())
    away = np.asarray(body.centre_um) - model.centre_um
    return np.asarray(away * look.spread_um / farthest) if farthest > 0 else np.zeros(3)


def _moved(mesh: Mesh, shift: FloatArray) -> Mesh:
    return Mesh(vertices=mesh.vertices + shift, faces=mesh.faces, values=mesh.values)
