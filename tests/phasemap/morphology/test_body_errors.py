from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label
from scipy.spatial.transform import Rotation
from scipy.stats import chi2

from xanesmap.phasemap.mapping.masking import mask_threshold, sample_mask, smooth_amount
from xanesmap.phasemap.morphology.body_errors import SurfaceError, body_errors, surface_error
from xanesmap.phasemap.morphology.core_shell import body_of
from xanesmap.phasemap.morphology.filled_parts import filled_parts
from xanesmap.phasemap.surfaces.mesh import EMPTY
from xanesmap.phasemap.surfaces.minkowski import fractional_anisotropy

BODIES = 14


def measured_ellipsoid(seed):
    """Half axes, centre, turn, and the edge step of a blurred ellipsoid with noise, blur and noise.

    None is bent so sharply, more than 1 / 2.6 voxels, that the smoothing of the mask does not resolve it.
    """
    rng = np.random.default_rng(seed)
    axes = np.sort(rng.uniform(7, 11) * np.array([1, rng.uniform(0.7, 0.95), rng.uniform(0.65, 0.9)]))[::-1]
    n = int(2 * axes[0] + 14)
    centre, turn = (n - 1) / 2 + rng.uniform(-0.5, 0.5, 3), Rotation.random(random_state=rng).as_matrix()
    blur, noise = rng.uniform(0.35, 0.9), rng.uniform(0.02, 0.12)
    grid = (np.arange(2 * n) + 0.5) / 2 - 0.5
    local = (np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), -1) - centre) @ turn / axes
    fine = gaussian_filter((np.linalg.norm(local, axis=-1) <= 1).astype(np.float32), 2 * blur)
    amount = fine.reshape(n, 2, n, 2, n, 2).mean((1, 3, 5)) + noise * rng.normal(size=(n, n, n))
    return axes, centre, turn, amount, blur, noise


def mask_of(amount):
    """As a run finds it, the largest part."""
    mask = sample_mask(amount, threshold=mask_threshold(smooth_amount(amount, smoothing_px=1.0)), smoothing_px=1.0)
    parts = label(mask)[0]
    return parts == np.bincount(parts.ravel())[1:].argmax() + 1


def pulls_of(solids, seed, *, with_parts):
    """Errors of size and shape over the quoted ones, and over those of patches alone."""
    axes, centre, turn, amount, blur, noise = measured_ellipsoid(seed)
    mask = mask_of(amount)
    body = body_of(mask, filled=filled_parts(mask, amount) if with_parts else None, blur_px=blur)
    assert body.drawn_from == ("filled parts" if with_parts else "voxels")
    volume, area = 4 / 3 * np.pi * axes.prod(), solids.ellipsoid_area(axes)
    off = {
        "volume": body.volume - volume,
        "area": body.surface.area - area,
        "centroid": body.axes.centroid[0] - centre[0],
        "longest": body.axes.lengths[0] - axes[0],
        "middle": body.axes.lengths[1] - axes[1],
        "shortest": body.axes.lengths[2] - axes[2],
        "anisotropy": fractional_anisotropy(body.axes.lengths) - fractional_anisotropy(axes),
        "direction": np.arccos(min(1.0, abs(body.axes.directions[0] @ turn[:, 0]))),
    }
    surface = surface_error(body, noise=noise, blur_px=blur)
    return [
        {name: off[name] / error for name, error in named(body_errors(body, one)).items()}
        for one in (surface, replace(surface, common=0.0, bent=0.0))
    ]


def named(errors):
    longest, middle, shortest = errors.lengths
    return {
        **{name: getattr(errors, name) for name in ("volume", "area", "anisotropy", "direction")},
        **{"centroid": errors.centroid[0], "longest": longest, "middle": middle, "shortest": shortest},
    }


@pytest.mark.parametrize("with_parts", [True, False])
def test_errors_of_sizes_and_shapes_hold_the_truth_and_are_no_larger_than_they_say(solids, with_parts):
    found = [pulls_of(solids, seed, with_parts=with_parts) for seed in range(BODIES)]
    quoted, patches = ({name: sum(one[i][name] ** 2 for one in found) for name in found[0][0]} for i in (0, 1))
    # one in a hundred such tests may fail by chance: eight numbers, two kinds of surface, two sides
    low, high = chi2.ppf([0.01 / 32, 1 - 0.01 / 32], BODIES)
    assert {name: square for name, square in quoted.items() if square > high} == {}
    # Errors also hold how far threshold and blur of a scan are off, which are known here, so they are upper bounds.
    # What is left without that is noise and grid alone, which there always is: by that the numbers do scatter.
    assert {name: square for name, square in patches.items() if square < low} == {}


def test_what_is_off_everywhere_alike_and_by_curvature_adds_up_for_a_ball(solids):
    radius = 9.0
    body = body_of(solids.ellipsoid((25, 25, 25), (12.1, 11.8, 12.3), radius))
    errors = body_errors(body, SurfaceError(common=0.1, patch=0.0, bent=0.45))
    # 0.1 voxel and 0.45 / 9 voxel
    assert errors.volume == pytest.approx(0.15 * 4 * np.pi * radius**2, rel=0.02)
    assert errors.lengths == pytest.approx(np.full(3, 0.15), rel=0.05)
    assert SurfaceError(common=0.3, patch=0.4, bent=10.8).at_one_place(radius) == pytest.approx(1.3)


def test_filled_parts_place_the_surface_where_blur_moves_the_mask(solids):
    off = []
    for seed in range(6):
        axes, _, _, amount, blur, _ = measured_ellipsoid(seed)
        mask = mask_of(amount)
        true = 4 / 3 * np.pi * axes.prod()
        off.append(
            [
                body.volume / true - 1
                for body in (body_of(mask), body_of(mask, filled=filled_parts(mask, amount), blur_px=blur))
            ]
        )
    by_mask, by_parts = np.abs(np.mean(off, axis=0))
    assert by_parts < 0.01 < by_mask


def test_nothing_is_known_without_surface_or_without_the_air_around_it(solids):
    ball = solids.ellipsoid((20, 20, 20), (9.5, 9.5, 9.5), 6)
    assert filled_parts(ball, np.where(ball, 1.0, np.nan)) is None
    assert filled_parts(np.zeros((9, 9, 9), bool), np.ones((9, 9, 9))) is None
    one = np.zeros((3, 3, 3), bool)
    one[1, 1, 1] = True
    body = body_of(one)
    assert body.surface is not EMPTY
    assert np.isfinite(body_errors(body, surface_error(body, noise=0.1, blur_px=0.5)).volume)
