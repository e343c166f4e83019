"""Coloured triangle meshes cut by planes: triangles across a plane are divided, so that the edge lies on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.viewers.napari_plugin.core_shell.cuts import HalfSpace

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mesh:
    """Triangles with values at their corners."""

    vertices: FloatArray
    """(vertex, 3) z, y, x, um."""
    faces: NDArray[np.intp]
    """(face, 3) numbers of vertices."""
    values: FloatArray
    """(vertex, value) such as red, green, blue; numbers of anything that may be interpolated."""

    @property
    def empty(self) -> bool:
        """Whether there is no triangle."""
        return not len(self.faces)

    def area(self) -> float:
        """Area of all triangles, um^2."""
        first, second, third = np.moveaxis(self.vertices[self.faces], 1, 0)
        return float(np.linalg.norm(np.cross(second - first, third - first), axis=1).sum() / 2)


def empty_mesh(n_values: int) -> Mesh:
    """A mesh of nothing."""
    return Mesh(vertices=np.empty((0, 3)), faces=np.empty((0, 3), np.intp), values=np.empty((0, n_values)))


def joined(meshes: Sequence[Mesh], *, n_values: int = 3) -> Mesh:
    """One mesh of several."""
    meshes = [mesh for mesh in meshes if not mesh.empty]
    if not meshes:
        return empty_mesh(n_values)
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return Mesh(
        vertices=np.concatenate([mesh.vertices for mesh in meshes]),
        faces=np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]),
        values=np.concatenate([mesh.values for mesh in meshes]),
    )


def side_above(mesh: Mesh, heights: FloatArray) -> Mesh:
    """Part of a mesh where a height is above 0; triangles across 0 are divided there.

    Parameters
    ----------
    mesh
        The mesh.
    heights
        (vertex,) linear along every edge.

    Returns
    -------
    Mesh
        With new vertices at height 0; values there are interpolated.
    """
    above = heights > 0
    count = above[mesh.faces].sum(axis=1)
    if not np.any((count > 0) & (count < 3)):
        return compact(Mesh(vertices=mesh.vertices, faces=mesh.faces[count == 3], values=mesh.values))
    singles = _rotated(mesh.faces[count == 1], above)  # first corner above
    pairs = _rotated(mesh.faces[count == 2], ~above)  # first corner below
    edges = np.concatenate([singles[:, [0, 1]], singles[:, [0, 2]], pairs[:, [0, 1]], pairs[:, [0, 2]]])
    vertices, values, places = _crossings(mesh, heights, edges)
    p, q, r, s = np.split(places + len(mesh.vertices), np.cumsum([len(singles), len(singles), len(pairs)]))
    faces = [
        mesh.faces[count == 3],
        np.stack([singles[:, 0], p, q], axis=1),
        np.stack([r, pairs[:, 1], pairs[:, 2]], axis=1),
        np.stack([r, pairs[:, 2], s], axis=1),
    ]
    return compact(
        Mesh(
            vertices=np.concatenate([mesh.vertices, vertices]),
            faces=np.concatenate(faces),
            values=np.concatenate([mesh.values, values]),
        )
    )


def _rotated(faces: NDArray[np.intp], first: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Faces turned, not reflected, so that the only corner marked comes first."""
    start = np.argmax(first[faces], axis=1)
    order = (start[:, None] + np.arange(3)) % 3
    return np.take_along_axis(faces, order, axis=1)


def _crossings(
    mesh: Mesh, heights: FloatArray, edges: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, NDArray[np.intp]]:
    """Vertices and values at height 0 of edges, one for edges that are the same, and which is whose."""
    keys = np.sort(edges, axis=1)
    _, first, places = np.unique(keys[:, 0] * len(heights) + keys[:, 1], return_index=True, return_inverse=True)
    start, end = keys[first].T
    share = (heights[start] / (heights[start] - heights[end]))[:, None]
    vertices = mesh.vertices[start] + share * (mesh.vertices[end] - mesh.vertices[start])
    values = mesh.values[start] + share * (mesh.values[end] - mesh.values[start])
    return vertices, values, places


def compact(mesh: Mesh) -> Mesh:
    """The same mesh without the vertices that no face uses."""
    used = np.zeros(len(mesh.vertices), dtype=np.bool_)
    used[mesh.faces] = True
    number = np.cumsum(used) - 1
    return Mesh(vertices=mesh.vertices[used], faces=number[mesh.faces], values=mesh.values[used])


def outside(mesh: Mesh, spaces: Sequence[HalfSpace]) -> Mesh:
    """Part of a mesh that does not lie in all half-spaces, so what is left when their common part is taken away."""
    left, inside = [], mesh
    for space in spaces:
        left.append(side_above(inside, -space.heights(inside.vertices)))
        inside = side_above(inside, space.heights(inside.vertices))
    return joined(left, n_values=mesh.values.shape[1])


def inside_all(mesh: Mesh, spaces: Sequence[HalfSpace]) -> Mesh:
    """Part of a mesh that lies in all half-spaces."""
    for space in spaces:
        mesh = side_above(mesh, space.heights(mesh.vertices))
    return mesh
