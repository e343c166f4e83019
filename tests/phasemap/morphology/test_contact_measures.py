from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.stats import chi2

from xanesmap.phasemap.mapping.masking import sample_mask
from xanesmap.phasemap.morphology.contact_measures import measure_contacts, total_contact
from xanesmap.phasemap.morphology.contacts import contact_faces
from xanesmap.phasemap.morphology.neck import Neck
from xanesmap.phasemap.segmentation.particles import find_particles

PAIRS = 16
BLUR, NOISE = 0.6, 0.06
SIDE = 54


def contacts_of(numbers, pores, boxes, *, amount, sigma, around=None, blur_px=0.0):
    arrays = {"numbers": numbers, "pores": pores, "amount": amount, "amount_sigma": sigma}
    if around is not None:
        arrays["around"] = around
    faces = {number: contact_faces(np.pad(numbers, 1), number, origin=(-1,) * 3) for number in range(1, len(boxes) + 1)}
    with ThreadPoolExecutor(1) as pool:
        return measure_contacts(
            faces, boxes, {name: (one, ()) for name, one in arrays.items()}, blur_px=blur_px, pool=pool
        )


def neck_of(found, amount, *, noise, blur_px, with_rim):
    inside = found.labels > 0
    return contacts_of(
        found.labels,
        found.pores,
        found.found.boxes,
        amount=np.where(inside, amount, np.nan),
        sigma=np.where(inside, noise, np.nan),
        around=np.where(inside, np.nan, amount) if with_rim else None,
        blur_px=blur_px,
    )[1][2]


def scanned_pair(solids, seed):
    """Particles and edge step of two balls as a run finds them, and the area of their neck."""
    amount, true = solids.blurred_balls(np.random.default_rng(seed), SIDE, blur_px=BLUR, noise=NOISE)
    return find_particles(sample_mask(amount, threshold=0.5, smoothing_px=1.0)), amount, true


def agree(necks, true):
    """Whether areas are right on average, and none of their errors too small."""
    area, error = np.array([neck.area for neck in necks]), np.array([neck.error for neck in necks])
    pulls = (area - true) / error
    # the errors hold how far bodies differ from balls, which these are: so they may be too large, but not too small
    assert np.sum(pulls**2) < chi2.ppf(0.999, len(pulls))
    return float(np.sum(area - true) / np.sum(true))


@pytest.mark.parametrize("with_rim", [True, False])
def test_contacts_of_blurred_balls_with_noise_are_the_circles_in_which_they_meet(solids, with_rim):
    scans = [scanned_pair(solids, seed) for seed in range(PAIRS)]
    scans = [one for one in scans if one[0].count == 2]
    assert len(scans) >= PAIRS - 1
    necks = [neck_of(found, amount, noise=NOISE, blur_px=BLUR, with_rim=with_rim) for found, amount, _ in scans]
    off = agree(necks, np.array([true for *_, true in scans]))
    assert abs(off) < (0.03 if with_rim else 0.06)


def test_both_partners_have_the_same_contact_and_the_lonely_one_none(solids):
    shape = (30, 34, 60)
    numbers = np.zeros(shape, np.int32)
    for number, x in enumerate((12, 27, 48), start=1):
        numbers[solids.ellipsoid(shape, (14, 16, x), 9) & (numbers == 0)] = number
    boxes = [tuple(slice(int(p.min()), int(p.max()) + 1) for p in np.nonzero(numbers == n)) for n in (1, 2, 3)]
    nothing = np.full(shape, np.nan)
    found = contacts_of(numbers, 0 * numbers, boxes, amount=nothing, sigma=nothing)
    assert found[1] == {2: found[2][1]}
    assert found[3] == {}
    assert total_contact(found[3]) == (0, 0)


def test_contacts_of_things_too_thin_for_sections_are_those_of_their_faces():
    numbers = np.zeros((5, 9, 9), np.int32)
    numbers[1, 1:8, 1:8], numbers[2:4, 1:8, 1:8] = 1, 2
    boxes = [(slice(1, 2), slice(1, 8), slice(1, 8)), (slice(2, 4), slice(1, 8), slice(1, 8))]
    nothing = np.full(numbers.shape, np.nan)
    neck = contacts_of(numbers, 0 * numbers, boxes, amount=nothing, sigma=nothing)[1][2]
    assert neck.area == 49
    assert neck.error == pytest.approx(np.sqrt(np.pi * 49))  # half a voxel around a disc


def test_areas_add_up_and_errors_in_squares():
    assert total_contact({2: Neck(area=10, error=3), 5: Neck(area=20, error=4)}) == (30, 5)
