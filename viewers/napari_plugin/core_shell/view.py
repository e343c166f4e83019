"""What the core-shell view draws for what was chosen: surfaces, voxels or values, and the ball that holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.movies.view_directions import Direction, find_direction, named_directions, principal_directions
from xanesmap.viewers.napari_plugin.core_shell.bodies import LabelBlock, core_index, read_bodies, read_labels
from xanesmap.viewers.napari_plugin.core_shell.body_meshes import Tint
from xanesmap.viewers.napari_plugin.core_shell.cuts import Cut, CutKind, HalfSpace, carved, removed_space
from xanesmap.viewers.napari_plugin.core_shell.scene import Look, Model, Spread, Surface, build_model, scene
from xanesmap.viewers.napari_plugin.core_shell.value_surfaces import Quantity, ValueSurface, read_value_surface

Style = Literal["phases", "fraction", "glass", "voxels", "thickness", "curvature"]
STYLES: tuple[Style, ...] = ("phases", "fraction", "glass", "voxels", "thickness", "curvature")

_GLASS = 0.35
_MODELS_KEPT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Everything that can be chosen."""

    particle: int | None = None
    """Its number; all when None."""
    style: Style = "phases"
    cut: CutKind | None = None
    """Shape that is taken away."""
    along: str = "z"
    """Name of the direction of cut and movement, or its parts ``z,y,x``."""
    position_um: float = 0.0
    """Of the cut, from the middle of what is shown."""
    flip: bool = False
    turn_deg: float = 0.0
    angle_deg: float = 90.0
    size_um: float = 1.0
    whole_core: bool = False
    shell_opacity: float = _GLASS
    """Of the style `glass`."""
    spread: Spread = "together"
    spread_um: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Voxels:
    """Phase labels of which a part was carved away."""

    labels: NDArray[np.uint8]
    origin_um: NDArray[np.float64]
    """(3,) centre of the first voxel."""
    step_um: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sphere:
    """A ball that holds all that is shown, however it is turned."""

    centre_um: tuple[float, float, float]
    radius_um: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawing:
    """What is to be shown."""

    surfaces: tuple[Surface, ...] = ()
    values: ValueSurface | None = None
    voxels: Voxels | None = None
    sphere: Sphere
    middle_um: tuple[float, float, float]
    """Where positions of the cut are counted from."""
    removed: tuple[HalfSpace, ...] = ()
    """Half-spaces whose common part was taken away."""
    directions: dict[str, Direction]
    """All that have a name."""

    def points_um(self) -> NDArray[np.float64]:
        """(point, 3) that have to be seen."""
        if self.voxels is not None:
            filled = np.argwhere(self.voxels.labels > 0)
            return np.asarray(self.voxels.origin_um + filled * self.voxels.step_um)
        meshes = [surface.mesh for surface in self.surfaces]
        if self.values is not None:
            meshes += [self.values.mesh, self.values.unknown]
        return np.concatenate([np.asarray(mesh.vertices, dtype=np.float64) for mesh in meshes])


@dataclass(slots=True)
class CoreShellView:
    """Draws a result as chosen; closed surfaces are kept from one drawing to the next. For one thread at a time."""

    result: PhaseMap
    _models: dict[tuple[int | None, Tint], Model] = field(default_factory=dict)
    _blocks: dict[int | None, LabelBlock] = field(default_factory=dict)

    def draw(self, choices: Choices) -> Drawing:
        """Draw what was chosen.

        Raises
        ------
        DataError
            The result does not hold it, or the direction cannot be understood.
        """
        model = self._model(choices.particle, "fraction" if choices.style == "fraction" else "phases")
        directions = self._directions(choices.particle)
        z, y, x = map(float, model.centre_um)
        cut = _cut(choices, (z, y, x), find_direction(choices.along, directions))
        facts: dict[str, Any] = {"middle_um": (z, y, x), "directions": directions}
        facts["removed"] = removed_space(cut) if cut is not None else ()
        if choices.style == "voxels":
            return Drawing(voxels=self._voxels(choices.particle, facts["removed"]), sphere=_around(model), **facts)
        if choices.style in ("thickness", "curvature"):
            values = read_value_surface(
                self.result, _quantity(choices.style), particle=choices.particle, spaces=facts["removed"]
            )
            return Drawing(values=values, sphere=_around(model), **facts)
        surfaces = scene(model, _look(choices, cut, find_direction(choices.along, directions)))
        return Drawing(surfaces=tuple(surfaces), sphere=_around(model, spread_um=choices.spread_um), **facts)

    def _model(self, particle: int | None, tint: Tint) -> Model:
        key = (particle, tint)
        if key not in self._models:
            while len(self._models) >= _MODELS_KEPT:
                self._models.pop(next(iter(self._models)))
            bodies = read_bodies(self.result, particle=particle)
            self._models[key] = build_model(bodies, self.result.phases, core=core_index(self.result), tint=tint)
        return self._models[key]

    def _block(self, particle: int | None) -> LabelBlock:
        if particle not in self._blocks:
            self._blocks.clear()
            self._blocks[particle] = read_labels(self.result, particle=particle)
        return self._blocks[particle]

    def _directions(self, particle: int | None) -> dict[str, Direction]:
        return {**principal_directions(self._block(particle).phase > 0), **named_directions(self.result)}

    def _voxels(self, particle: int | None, removed: tuple[HalfSpace, ...]) -> Voxels:
        block = self._block(particle)
        labels = block.phase
        if removed:
            labels = carved(labels, removed, origin_um=block.origin_um, step_um=block.voxel_um)
        return Voxels(labels=labels, origin_um=block.origin_um, step_um=block.voxel_um)


def _quantity(style: Style) -> Quantity:
    return "thickness" if style == "thickness" else "curvature"


def _cut(choices: Choices, middle: tuple[float, float, float], direction: Direction) -> Cut | None:
    if choices.cut is None:
        return None
    return Cut(
        kind=choices.cut,
        centre_um=middle,
        direction=direction,
        position_um=choices.position_um,
        flip=choices.flip,
        turn_deg=choices.turn_deg,
        angle_deg=choices.angle_deg,
        size_um=choices.size_um,
    )


def _look(choices: Choices, cut: Cut | None, direction: Direction) -> Look:
    return Look(
        cut=cut,
        whole_core=choices.whole_core,
        shell_opacity=choices.shell_opacity if choices.style == "glass" else 1.0,
        spread=choices.spread,
        spread_um=choices.spread_um if choices.spread != "together" else 0.0,
        direction=direction,
    )


def _around(model: Model, *, spread_um: float = 0.0) -> Sphere:
    """About the middle of all vertices, with room for what moves."""
    points = model.points_um()
    low, high = points.min(axis=0), points.max(axis=0)
    centre = (low + high) / 2
    radius = float(np.linalg.norm(points - centre, axis=1).max()) + spread_um
    z, y, x = map(float, centre)
    return Sphere(centre_um=(z, y, x), radius_um=radius)
