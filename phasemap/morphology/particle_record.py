"""What is kept of a measured particle: lines of tables and surfaces in um, written aside until all are measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.morphology.contacts import ContactFaces
from xanesmap.phasemap.morphology.core_shell_table import core_shell_row
from xanesmap.phasemap.morphology.neck import Neck
from xanesmap.phasemap.morphology.particle_measures import ParticleMeasures
from xanesmap.phasemap.morphology.particle_table import contact_cells, particle_row
from xanesmap.phasemap.morphology.table_scale import Scale
from xanesmap.phasemap.morphology.tables import depth_rows, verdict_row
from xanesmap.phasemap.surfaces.mesh import moved, vertex_areas

Arrays = dict[str, NDArray[Any]]

SURFACE_UNITS = {
    "particle": {"vertices": "um", "faces": "1", "normals": "1", "particle": "1", "shell_thickness": "um"}
    | {"core_fraction": "1"},
    "front": {"vertices": "um", "faces": "1", "normals": "1", "particle": "1", "mean_curvature": "1/um"}
    | {"gaussian_curvature": "1/um^2", "depth": "um"},
}
"""Arrays of each kind of surface, and their units."""

FRONT_AREA = "area"
"""Array of a front that is kept aside only: the area at each vertex, um^2."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParticleRecord:
    """One particle, measured."""

    number: int
    structure: str
    lines: dict[str, list[list[object]]]
    """Lines of each table."""
    surfaces: dict[str, Arrays]
    """Arrays of its surface and its front, in um."""
    contacts: dict[int, ContactFaces]
    """Where it touches each neighbour, in voxels of the volume."""

    def without_surfaces(self) -> ParticleRecord:
        """The lines and contacts alone."""
        return replace(self, surfaces={})

    def with_contacts(self, contacts: Mapping[int, Neck], *, scale: Scale) -> ParticleRecord:
        """With the line of the table of particles completed."""
        ended = [[*line, *contact_cells(contacts, scale=scale)] for line in self.lines["particles"]]
        return replace(self, lines=self.lines | {"particles": ended}, contacts={})


def record_of(one: ParticleMeasures, *, is_cut: bool, scale: Scale) -> ParticleRecord:
    """What is kept of a particle."""
    pair = one.core_shell
    return ParticleRecord(
        number=one.number,
        structure=one.structure,
        lines={
            "particles": [particle_row(one, is_cut=is_cut, scale=scale)],
            "core_shell": [] if pair is None else [core_shell_row(one, pair, scale=scale)],
            "two_phase": [verdict_row(one, scale=scale)],
            "depth_profiles": depth_rows(one, scale=scale),
        },
        surfaces={"particle": _body_arrays(one, scale.pixel_um), "front": _front_arrays(one, scale.pixel_um)},
        contacts=one.contacts,
    )


def _body_arrays(one: ParticleMeasures, um: float) -> Arrays:
    """Surface of a particle, with the shell's thickness (NaN without core) and the fraction below it."""
    surface = moved(one.body.surface, one.origin)
    unknown = np.full(len(surface.vertices), np.nan, np.float32)
    thickness = unknown if one.core_shell is None else one.core_shell.thickness * um
    below = one.surface_fraction if len(one.surface_fraction) == len(unknown) else unknown
    return {
        "vertices": (surface.vertices * um).astype(np.float32),
        "faces": surface.faces,
        "normals": surface.normals.astype(np.float32),
        "particle": np.full(len(unknown), one.number, np.int32),
        "shell_thickness": np.asarray(thickness, np.float32),
        "core_fraction": np.asarray(below, np.float32),
    }


def _front_arrays(one: ParticleMeasures, um: float) -> Arrays:
    """Front of a particle, with curvature and depth."""
    front = one.front
    surface = moved(front.surface, one.origin)
    return {
        "vertices": (surface.vertices * um).astype(np.float32),
        "faces": surface.faces,
        "normals": surface.normals.astype(np.float32),
        "particle": np.full(len(surface.vertices), one.number, np.int32),
        "mean_curvature": (front.curvature.mean / um).astype(np.float32),
        "gaussian_curvature": (front.curvature.gaussian / um**2).astype(np.float32),
        "depth": (front.depth * um).astype(np.float32),
        FRONT_AREA: (vertex_areas(front.surface) * um**2).astype(np.float32),
    }


def empty_surface(kind: str) -> Arrays:
    """Arrays of no surface, of the types of all others."""
    found: Arrays = {name: np.zeros(0, np.float32) for name in SURFACE_UNITS[kind]}
    three = {name: np.zeros((0, 3), np.float32) for name in ("vertices", "normals")}
    return found | three | {"faces": np.zeros((0, 3), np.int32), "particle": np.zeros(0, np.int32)}


class SurfacesAside:
    """Surfaces of particles, one file each, so that memory does not grow with their number.

    Parameters
    ----------
    folder
        To be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def put(self, record: ParticleRecord) -> None:
        """Write the surfaces of one particle."""
        for kind, arrays in record.surfaces.items():
            if len(arrays["vertices"]):
                named: dict[str, Any] = arrays
                np.savez(self._path(kind, record.number), **named)

    def get(self, kind: str, count: int) -> Iterator[Arrays]:
        """Surfaces of particles 1 to `count`, of those that have one."""
        for number in range(1, count + 1):
            path = self._path(kind, number)
            if path.exists():
                with np.load(path) as stored:
                    yield dict(stored)

    def _path(self, kind: str, number: int) -> Path:
        return self._folder / f"{kind}-{number}.npz"
