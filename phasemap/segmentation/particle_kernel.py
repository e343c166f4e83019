"""Distance to the surface and its basins, compiled: the same for parts of a volume as for all of it.

The square of the distance to the nearest voxel outside is the least of `g^2 + dy^2 + dx^2` over the plane, with `g` the
distance along z (Felzenszwalb and Huttenlocher, Theory Comput. 8, 415 (2012), doi:10.4086/toc.2012.v008a019). All that
a part of the volume needs to know of the rest is `g` at its two ends.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from xanesmap.phasemap.compilation import compiled

_OUTSIDE: Final = -1
_PEAK: Final = 13  # place of the voxel itself among the 27 of its neighbourhood


@compiled
def distances(filled: Any, above: Any, below: Any) -> Any:
    """`(row, y, x)` distance of every filled voxel to the nearest voxel that is not, voxels; 0 outside.

    Parameters
    ----------
    filled
        `(row, y, x)` True inside; what lies beyond the ends of y and x is outside.
    above, below
        `(y, x)` int32 filled voxels that stand in a row right before the first row, and right after the last.
    """
    n, ny, nx = filled.shape
    squares = np.zeros((n, ny, nx), np.float32)
    run = above.copy()
    for z in range(n):
        for y in range(ny):
            for x in range(nx):
                run[y, x] = run[y, x] + 1 if filled[z, y, x] else 0
                squares[z, y, x] = run[y, x]
    run[:] = below
    longest = max(n, ny, nx) + 2
    heights, result = np.empty(longest, np.float64), np.empty(longest, np.float64)
    vertices, borders = np.empty(longest, np.int64), np.empty(longest + 1, np.float64)
    for z in range(n - 1, -1, -1):
        for y in range(ny):
            for x in range(nx):
                run[y, x] = run[y, x] + 1 if filled[z, y, x] else 0
                near = min(squares[z, y, x], np.float32(run[y, x]))
                squares[z, y, x] = near * near
        for x in range(nx):
            _least_along(squares[z, :, x], heights, result, vertices, borders)
        for y in range(ny):
            _least_along(squares[z, y, :], heights, result, vertices, borders)
    for z in range(n):
        for y in range(ny):
            for x in range(nx):
                squares[z, y, x] = np.sqrt(squares[z, y, x])
    return squares


@compiled
def _least_along(line: Any, heights: Any, result: Any, vertices: Any, borders: Any) -> None:
    """Replace each value by the least of value and squared distance to it, run by run: zeros end all that goes on."""
    n, start = len(line), 0
    while start < n:
        if line[start] == 0:
            start += 1
            continue
        stop = start
        while stop < n and line[stop] > 0:
            stop += 1
        m = stop - start + 2  # with a zero on either side
        heights[0] = heights[m - 1] = 0.0
        for i in range(1, m - 1):
            heights[i] = line[start + i - 1]
        _lower_envelope(heights, m, result, vertices, borders)
        for i in range(1, m - 1):
            line[start + i - 1] = result[i]
        start = stop


@compiled
def _lower_envelope(heights: Any, m: int, result: Any, vertices: Any, borders: Any) -> None:
    """Lower envelope of the parabolas `heights[q] + (p - q)^2`."""
    k = 0
    vertices[0] = 0
    borders[0], borders[1] = -np.inf, np.inf
    for q in range(1, m):
        while True:
            v = vertices[k]
            crossing = ((heights[q] + q * q) - (heights[v] + v * v)) / (2.0 * (q - v))
            if crossing > borders[k]:
                break
            k -= 1
        k += 1
        vertices[k] = q
        borders[k], borders[k + 1] = crossing, np.inf
    k = 0
    for p in range(m):
        while borders[k + 1] < p:
            k += 1
        result[p] = heights[vertices[k]] + (p - vertices[k]) ** 2


@compiled
def steepest_steps(height: Any, filled: Any) -> Any:
    """`(row - 2, y, x)` int8 place of the neighbour to which the height rises most steeply, 0 to 26 in C order.

    Parameters
    ----------
    height
        `(row, y, x)`; the first and the last row are only looked at.
    filled
        `(row, y, x)` True inside.

    Notes
    -----
    13 is a peak, -1 a voxel outside. Steps go through faces, so that all voxels that lead to one peak hang together. Of
    two voxels of the same height the earlier one counts as higher, so that every way up ends.
    """
    n, ny, nx = height.shape
    steps = np.full((n - 2, ny, nx), _OUTSIDE, np.int8)
    for z in range(1, n - 1):
        for y in range(ny):
            for x in range(nx):
                if not filled[z, y, x]:
                    continue
                best, place = height[z, y, x], _PEAK
                for axis in range(3):
                    for way in (-1, 1):
                        zz, yy, xx = z + way * (axis == 0), y + way * (axis == 1), x + way * (axis == 2)
                        if yy < 0 or yy >= ny or xx < 0 or xx >= nx or not filled[zz, yy, xx]:
                            continue
                        k = _PEAK + way * (9 * (axis == 0) + 3 * (axis == 1) + (axis == 2))
                        if height[zz, yy, xx] > best or (height[zz, yy, xx] == best and k < place):
                            best, place = height[zz, yy, xx], k
                steps[z - 1, y, x] = place
    return steps


@compiled
def follow_steps(steps: Any) -> Any:
    """Number of the end of the way up from every voxel, and where those ends are.

    Parameters
    ----------
    steps
        `(row, y, x)` of `steepest_steps`.

    Returns
    -------
    `(row, y, x)` int32 numbers from 1, 0 outside, and `(end, 3)` row, y, x of the ends: peaks, or voxels of the row
    before the first (-1) or after the last, where the way goes on.
    """
    n, ny, nx = steps.shape
    numbers = np.zeros((n, ny, nx), np.int32)
    beyond = np.zeros((2, ny, nx), np.int32)
    ends = np.empty((1024, 3), np.int64)
    count = 0
    way = np.empty((n + ny + nx + 8, 3), np.int64)
    for first_z in range(n):
        for first_y in range(ny):
            for first_x in range(nx):
                if steps[first_z, first_y, first_x] == _OUTSIDE or numbers[first_z, first_y, first_x] > 0:
                    continue
                z, y, x, length = first_z, first_y, first_x, 0
                while True:
                    outside = z < 0 or z >= n
                    known = beyond[0 if z < 0 else 1, y, x] if outside else numbers[z, y, x]
                    if known > 0:
                        break
                    if not outside:
                        if length == len(way):
                            longer = np.empty((2 * length, 3), np.int64)
                            longer[:length] = way
                            way = longer
                        way[length, 0], way[length, 1], way[length, 2] = z, y, x
                        length += 1
                    if outside or steps[z, y, x] == _PEAK:
                        if count == len(ends):
                            more = np.empty((2 * count, 3), np.int64)
                            more[:count] = ends
                            ends = more
                        ends[count, 0], ends[count, 1], ends[count, 2] = z, y, x
                        count += 1
                        known = count
                        if outside:
                            beyond[0 if z < 0 else 1, y, x] = count
                        break
                    k = steps[z, y, x]
                    z, y, x = z + k // 9 - 1, y + k // 3 % 3 - 1, x + k % 3 - 1
                for i in range(length):
                    numbers[way[i, 0], way[i, 1], way[i, 2]] = known
    return numbers, ends[:count].copy()


@compiled
def borders(numbers: Any, height: Any) -> Any:
    """Pairs of numbers that meet at a face, and how high: `(face, 2)` smaller number first, and `(face,)`.

    Parameters
    ----------
    numbers
        `(row, y, x)` int32, 0 outside.
    height
        `(row, y, x)`.

    Returns
    -------
    One entry for every face between voxels of different numbers, with the lower of the two heights. Faces within the
    first row are left out: they belong to the part before.
    """
    n, ny, nx = numbers.shape
    pairs, heights, count = np.empty((4096, 2), np.int32), np.empty(4096, np.float32), 0
    for z in range(1, n):
        for y in range(ny):
            for x in range(nx):
                own = numbers[z, y, x]
                if own == 0:
                    continue
                for axis in range(3):
                    if (axis == 1 and y == 0) or (axis == 2 and x == 0):
                        continue
                    zz, yy, xx = z - (axis == 0), y - (axis == 1), x - (axis == 2)
                    other = numbers[zz, yy, xx]
                    if other == 0 or other == own:
                        continue
                    if count == len(heights):
                        pairs = np.concatenate((pairs, np.empty_like(pairs)))
                        heights = np.concatenate((heights, np.empty_like(heights)))
                    pairs[count, 0], pairs[count, 1] = min(own, other), max(own, other)
                    heights[count] = min(height[z, y, x], height[zz, yy, xx])
                    count += 1
    return pairs[:count].copy(), heights[:count].copy()


@compiled
def join_basins(tops: Any, touching: Any, saddles: Any, neck: float, shallow: float) -> Any:
    """`(basin,)` parent of every basin, itself where it stands alone; joined over the highest saddles first.

    Parameters
    ----------
    tops
        `(basin,)` heights of the peaks.
    touching
        `(pair, 2)` basins that touch, by falling height of the saddle between them.
    saddles
        `(pair,)` those heights.
    neck, shallow
        Two basins stay apart where the saddle is below `neck` times the lower peak, and by more than `shallow`.
    """
    parent = np.arange(len(tops))
    for pair in range(len(saddles)):
        one, other = _root(parent, touching[pair, 0]), _root(parent, touching[pair, 1])
        if one == other:
            continue
        if tops[one] > tops[other] or (tops[one] == tops[other] and one < other):
            one, other = other, one
        if saddles[pair] < neck * tops[one] and tops[one] - saddles[pair] > shallow:
            continue
        parent[one] = other
    for basin in range(len(parent)):
        parent[basin] = _root(parent, basin)
    return parent


@compiled
def _root(parent: Any, basin: int) -> int:
    while parent[basin] != basin:
        parent[basin] = parent[parent[basin]]
        basin = parent[basin]
    return basin
