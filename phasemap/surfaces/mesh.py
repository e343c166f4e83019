"""Triangle meshes of surfaces, with area, volume, normals and topology."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import marching_cubes

from xanesmap.phasemap.surfaces.mesh_kernel import face_vectors, vertex_sums

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """A mesh of triangles; lengths in voxels.

    Attributes
    ----------
    vertices
        `(vertex, 3)` z, y, x; the centre of voxel 0 lies at 0.
    faces
        `(face, 3)` numbers of vertices.
    normals
        `(vertex, 3)` unit vectors that point out of the enclosed phase.
    """

    vertices: FloatArray
    faces: NDArray[np.int32]
    normals: FloatArray

    @property
    def is_empty(self) -> bool:
        """Whether there is no surface at all."""
        return len(self.faces) == 0

    @property
    def area(self) -> float:
        """Area in square voxels."""
        return float(face_areas(self).sum())

    @property
    def enclosed_volume(self) -> float:
        """Volume in voxels inside a closed surface, by the divergence theorem."""
        a, b, c = (self.vertices[self.faces[:, corner]] for corner in range(3))
        return abs(float(np.einsum("ij,ij->", a, np.cross(b, c)))) / 6

    @property
    def rounded_volume(self) -> float:
        """Volume in voxels inside the smooth surface through the vertices of a closed one.

        Flat triangles cut off what bulges above them: 1 % of a ball of 5 voxels radius. A surface of second order
        through two vertices stands ``(n2 - n1) . (p2 - p1) / 8`` above the middle of their edge, and its mean height
        over a triangle is the mean of those of its edges.
        """
        corners, normals = self.vertices[self.faces], self.normals[self.faces]  # (face, corner, 3)
        turned, along = normals - np.roll(normals, 1, axis=1), corners - np.roll(corners, 1, axis=1)
        above = np.einsum("ijk,ijk->i", turned, along) / 24
        return self.enclosed_volume + float(above @ face_areas(self))

    @property
    def euler_characteristic(self) -> int:
        """Vertices less edges plus faces: 2 for a sphere, 0 for a torus."""
        edges, _ = edges_of(self.faces)
        return len(np.unique(self.faces)) - len(edges) + len(self.faces)

    @property
    def is_closed(self) -> bool:
        """Whether every edge belongs to two faces."""
        return not self.is_empty and bool(np.all(edges_of(self.faces)[1] == 2))


EMPTY = Surface(vertices=np.zeros((0, 3)), faces=np.zeros((0, 3), np.int32), normals=np.zeros((0, 3)))
"""No surface."""


def surface_at_level(field: FloatArray, *, level: float, domain: NDArray[np.bool_] | None = None) -> Surface:
    """Level set of a field, by marching cubes.

    Parameters
    ----------
    field
        `(z, y, x)`; the surface encloses what lies above `level`. NaN only outside `domain`.
    level
        Value on the surface.
    domain
        `(z, y, x)` True where the surface may lie; everywhere when not given.

    Returns
    -------
    Surface in voxels, empty where the field does not cross the level. It is open where `domain` ends.

    References
    ----------
    Lewiner et al., J. Graph. Tools 8, 1 (2003), doi:10.1080/10867651.2003.10487582.
    """
    values = np.asarray(field, np.float32)
    where = np.isfinite(values) if domain is None else domain & np.isfinite(values)
    inner = values[where]
    if min(values.shape) < 2 or inner.size == 0 or not inner.min() < level < inner.max():
        return EMPTY
    filled = np.where(np.isfinite(values), values, level - 1)
    draw: Callable[..., Any] = marching_cubes  # the library's own annotation is incomplete
    try:
        # "ascent": objects are brighter than what surrounds them; degenerate faces would have no normal
        found = draw(filled, level, mask=where, allow_degenerate=False, gradient_direction="ascent", method="lewiner")
    except RuntimeError:  # no cube of the domain is cut
        return EMPTY
    return _cleaned(found[0].astype(np.float64), found[1].astype(np.int32))


def _cleaned(vertices: FloatArray, faces: NDArray[np.int32]) -> Surface:
    """Surface without the vertices that no face uses, with normals."""
    used, inverse = np.unique(faces, return_inverse=True)
    renumbered = inverse.reshape(-1, 3).astype(np.int32)
    return Surface(vertices=vertices[used], faces=renumbered, normals=_vertex_normals(vertices[used], renumbered))


def _vertex_normals(vertices: FloatArray, faces: NDArray[np.int32]) -> FloatArray:
    """Mean of the normals of the faces around each vertex, weighted by area."""
    sums = vertex_sums(faces, face_vectors(vertices, faces), len(vertices))
    length = np.sqrt(np.einsum("ij,ij->i", sums, sums))[:, None]
    normals: FloatArray = sums / np.where(length > 0, length, 1)
    return normals


def face_areas(surface: Surface) -> FloatArray:
    """`(face,)` area of every triangle, square voxels."""
    across = face_vectors(surface.vertices, surface.faces)
    areas: FloatArray = np.sqrt(np.einsum("ij,ij->i", across, across)) / 2
    return areas


def face_normals(surface: Surface) -> FloatArray:
    """`(face, 3)` unit normals of the triangles."""
    across = face_vectors(surface.vertices, surface.faces)
    length = np.sqrt(np.einsum("ij,ij->i", across, across))[:, None]
    normals: FloatArray = across / np.where(length > 0, length, 1)
    return normals


def vertex_areas(surface: Surface) -> FloatArray:
    """`(vertex,)` a third of the area of the triangles around each vertex: weights of averages over the surface."""
    sums: FloatArray = vertex_sums(surface.faces, face_areas(surface)[:, None] / 3, len(surface.vertices))[:, 0]
    return sums


def edges_of(faces: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """`(edge, 2)` edges, each once, and `(edge,)` the number of faces at each."""
    pairs = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1).astype(np.int64)
    # one number for each pair sorts several times faster than pairs do
    n_vertices = int(pairs.max(initial=0)) + 1
    keys, counts = np.unique(pairs[:, 0] * n_vertices + pairs[:, 1], return_counts=True)
    return np.stack(np.divmod(keys, n_vertices), axis=1).astype(np.int32), counts


def moved(surface: Surface, offset: tuple[float, ...]) -> Surface:
    """Surface with `offset` (z, y, x), voxels, added to every vertex."""
    return Surface(vertices=surface.vertices + np.asarray(offset, float), faces=surface.faces, normals=surface.normals)


def with_vertices(surface: Surface, vertices: FloatArray) -> Surface:
    """The same mesh with its vertices elsewhere, `(vertex, 3)`, and the normals it has there."""
    return Surface(vertices=vertices, faces=surface.faces, normals=_vertex_normals(vertices, surface.faces))


def part_of(surface: Surface, keep: NDArray[np.bool_]) -> Surface:
    """Faces all of whose vertices are in `keep`, `(vertex,)` True to stay; normals are those of the whole."""
    faces = surface.faces[keep[surface.faces].all(axis=1)]
    used, inverse = np.unique(faces, return_inverse=True)
    return Surface(
        vertices=surface.vertices[used],
        faces=inverse.reshape(-1, 3).astype(np.int32),
        normals=surface.normals[used],
    )


def pieces_of(surface: Surface) -> NDArray[np.int32]:
    """`(vertex,)` number of the connected piece each vertex belongs to, from 0."""
    n = len(surface.vertices)
    edges, _ = edges_of(surface.faces)
    graph = coo_array((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], np.int32)


def joined(surfaces: list[Surface]) -> Surface:
    """All surfaces as one."""
    if not surfaces:
        return EMPTY
    starts = np.cumsum([0, *(len(surface.vertices) for surface in surfaces)])
    return Surface(
        vertices=np.concatenate([surface.vertices for surface in surfaces]),
        faces=np.concatenate([s.faces + start for s, start in zip(surfaces, starts, strict=False)]).astype(np.int32),
        normals=np.concatenate([surface.normals for surface in surfaces]),
    )
