"""Areas of all contacts between particles of a result, each measured once, in a box around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.phasemap.morphology.body_errors import SURFACE_ERRORS
from xanesmap.phasemap.morphology.contacts import ContactFaces
from xanesmap.phasemap.morphology.crops import Arrays, box_batches, known_amount
from xanesmap.phasemap.morphology.filled_parts import filled_parts
from xanesmap.phasemap.morphology.interface_profile import VOXEL_DEVIATION
from xanesmap.phasemap.morphology.neck import Neck, Plane, SectionErrors, measure_neck
from xanesmap.phasemap.morphology.voxel_noise import relative_noise
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.storage.box_reader import Box
from xanesmap.phasemap.surfaces.shrinkage import SHAPE_SMOOTHING_PX

_NEAR_PX = 8  # from a contact, voxels that are looked at: the range of sections, and blur
_RIM_LAYERS = 4.5  # voxels across a surface that are partly filled, whose noise adds up

Contacts = Mapping[int, Mapping[int, ContactFaces]]
"""Faces by the numbers of a particle and its neighbour, in the volume."""
MAPS = ("numbers", "pores", "amount", "amount_sigma", "around")
"""Maps of `crops.map_rows` that are read, as far as there are any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Two particles that touch, the larger one first."""

    numbers: tuple[int, int]
    faces: ContactFaces
    box: Box


def measure_contacts(
    contacts: Contacts,
    boxes: Sequence[Box],
    arrays: Arrays,
    *,
    blur_px: float,
    pool: Executor,
    progress: Progress = no_progress,
) -> dict[int, dict[int, Neck]]:
    """Area of every contact.

    Parameters
    ----------
    contacts
        Of all particles.
    boxes
        Of particle 1, 2, ...
    arrays
        From `crops.map_rows`.
    blur_px
        Standard deviation of the blur of the microscope, voxels.
    pool
        Where to work.
    progress
        Called with stage, contacts done and their number.

    Returns
    -------
    Square voxels, by the numbers of a particle and of its neighbour: either way round the same.
    """
    found: dict[int, dict[int, Neck]] = {number: {} for number in contacts}
    read = {name: arrays[name] for name in MAPS if name in arrays}
    pairs = list(_pairs(contacts, boxes, arrays["numbers"][0].shape))

    def measured(one: tuple[int, dict[str, NDArray[Any]]]) -> tuple[_Pair, Neck]:
        index, maps = one
        return pairs[index], _contact(pairs[index], maps, blur_px=blur_px)

    done = 0
    for batch in box_batches(read, [pair.box for pair in pairs]):
        for pair, neck in pool.map(measured, batch):
            first, second = pair.numbers
            found[first][second] = found[second][first] = neck
            done += 1
            progress("Measure contacts", done, len(pairs))
    return found


def total_contact(necks: Mapping[int, Neck]) -> tuple[float, float]:
    """Area of all contacts of a particle together, square voxels, and its standard error."""
    return sum(neck.area for neck in necks.values()), float(np.sqrt(sum(neck.error**2 for neck in necks.values())))


def _pairs(contacts: Contacts, boxes: Sequence[Box], shape: tuple[int, ...]) -> Iterator[_Pair]:
    for number, partners in contacts.items():
        for partner, faces in partners.items():
            if number > partner:
                continue
            # the section of a ball of radius R, five voxels beyond a narrow neck, has a radius of sqrt(10 R)
            radius = max((s.stop - s.start) / 2 for one in (number, partner) for s in boxes[one - 1])
            reach = _NEAR_PX + np.sqrt(10 * radius)
            ends = zip(np.floor(faces.low - reach), np.ceil(faces.high + reach) + 1, shape, strict=True)
            z, y, x = (slice(max(0, int(low)), min(n, int(high))) for low, high, n in ends)
            yield _Pair(numbers=(number, partner), faces=faces, box=(z, y, x))


def _contact(pair: _Pair, maps: Mapping[str, NDArray[Any]], *, blur_px: float) -> Neck:
    """Neck of two particles; where one is too thin for that, the disc with the rim of the faces."""
    numbers = maps["numbers"]
    one, other = ((numbers == number) | (maps["pores"] == number) for number in pair.numbers)
    both = one | other
    amount = known_amount(maps)
    filled = filled_parts((numbers > 0) | (maps["pores"] > 0), amount)
    if filled is None:
        filled, errors = both.astype(np.float32), mask_sections(blur_px)
    else:
        filled = np.where((numbers > 0) & ~both, 0, filled)
        errors = filled_sections(blur_px, noise=relative_noise(amount[both], maps["amount_sigma"][both]))
    origin = np.array([s.start for s in pair.box])
    start = Plane(centre=pair.faces.centre - origin, normal=pair.faces.normal / max(pair.faces.area, 1e-9))
    neck = measure_neck(one, other, filled, start=start, errors=errors)
    return neck or Neck(area=pair.faces.area, error=pair.faces.error)


def filled_sections(blur_px: float, *, noise: float) -> SectionErrors:
    """Errors of sections that are sums of filled parts.

    Parameters
    ----------
    blur_px
        Standard deviation of the blur of the microscope, voxels.
    noise
        Standard deviation of the edge step of a voxel over the edge step.
    """
    off, blur = SURFACE_ERRORS["filled parts"], float(np.hypot(blur_px, VOXEL_DEVIATION))
    # blur across sections averages them; in their own plane it moves nothing in or out
    lost = np.pi * blur**2
    return SectionErrors(
        blur_px=blur, lost=lost, common=off.common, density=off.variance_of_unit_area + _RIM_LAYERS * noise**2
    )


def mask_sections(blur_px: float) -> SectionErrors:
    """Errors of sections that are numbers of voxels of the mask, which ends at the half level of blurred balls.

    That level lies blur^2 / R inside of a ball of radius R, whose sections gain 2 pi R per voxel of the radius.
    """
    off, blur = SURFACE_ERRORS["voxels"], float(np.sqrt(blur_px**2 + VOXEL_DEVIATION**2 + SHAPE_SMOOTHING_PX**2))
    return SectionErrors(blur_px=blur, lost=2 * np.pi * blur**2, common=off.common, density=off.variance_of_unit_area)
