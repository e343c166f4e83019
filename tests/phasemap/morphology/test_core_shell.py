import numpy as np
import pytest

from xanesmap.phasemap.morphology.core_shell import (
    body_of,
    evenness,
    find_front,
    shell_thickness,
    structure_of,
    summarise_thickness,
)
from xanesmap.phasemap.segmentation.denoising import denoise_fraction

BLUR, VOXEL = 0.6, np.sqrt(1 / 12)
STANDARD_NOISE = 0.085  # of the fraction, in the simulated standard scan
CASES = [(16, 10, 0.0), (16, 10, 3.0), (20, 15, 2.0), (12, 8, 1.5), (24, 12, 5.0), (13, 10.5, 0.0)]


def core_in_ball(solids, radius, core_radius, offset, *, noise=0.0, seed=0):
    """Particle, denoised core, centre of the particle and of the core."""
    rng = np.random.default_rng(seed)
    outer, filled, inner, centre, core_centre = solids.core_in_ball(
        rng, radius, core_radius, offset=offset, blur_px=np.hypot(BLUR, VOXEL)
    )
    fraction = inner + noise * rng.normal(size=inner.shape)
    body = body_of(outer >= 0, filled=filled, blur_px=BLUR)
    core = denoise_fraction(fraction, np.full(inner.shape, 0.1), outer >= 0, smoothing_px=1.0)
    return body, core, centre, core_centre


def front_of(body, core):
    return find_front(body, core, smoothing_px=1.0, blur_px=BLUR)


@pytest.mark.parametrize(("radius", "core_radius", "offset"), CASES)
@pytest.mark.parametrize(("noise", "rms", "largest"), [(0.0, 0.05, 0.1), (STANDARD_NOISE, 0.1, 0.4)])
def test_shell_thickness_of_a_ball_in_a_ball(solids, radius, core_radius, offset, noise, rms, largest):
    body, core, centre, core_centre = core_in_ball(solids, radius, core_radius, offset, noise=noise)
    thickness = shell_thickness(body, front_of(body, core), core)
    outward = body.surface.vertices - centre
    on = centre + radius * outward / np.linalg.norm(outward, axis=1, keepdims=True)
    error = thickness - (np.linalg.norm(on - core_centre, axis=1) - core_radius)
    assert np.sqrt(np.mean(error**2)) < rms
    assert np.abs(error).max() < largest
    assert np.quantile(np.abs(error), 0.99) < (0.1 if noise == 0 else 0.3)


def test_the_depth_of_an_offset_front_spreads_by_the_offset_over_root_three(solids):
    body, core, _, _ = core_in_ball(solids, 20, 10, 3.0)
    indices = evenness(body, front_of(body, core), core)
    assert indices.depth_spread == pytest.approx(3 / np.sqrt(3) / 20, rel=0.05)
    assert indices.offset == pytest.approx(3 / 20, rel=0.05)
    assert indices.relative_axes == pytest.approx(1, abs=0.03)
    assert indices.front_beta == pytest.approx(1, abs=0.05)


def test_relative_axes_tell_a_flat_core_in_a_ball_and_not_one_shaped_like_its_particle(solids):
    shape = (50, 50, 50)
    for outer, inner, expected in (((20, 20, 20), (12, 12, 8), 1.5), ((21, 14, 14), (12, 8, 8), 1.0)):
        inside = solids.ellipsoid(shape, (24.5,) * 3, outer)
        core = solids.blurred(solids.signed_depth(shape, (24.5,) * 3, inner), BLUR)
        body = body_of(inside)
        assert evenness(body, front_of(body, core), core).relative_axes == pytest.approx(expected, rel=0.03)


def test_a_core_that_reaches_the_surface_leaves_it_bare(solids):
    body, core, _, _ = core_in_ball(solids, 16, 10, 9.0)
    front = front_of(body, core)
    assert not front.surface.is_closed
    summary = summarise_thickness(body, shell_thickness(body, front, core), directions=np.eye(3))
    # balls of radius 16 and 10, centres 9 apart, meet on the circle at cos t = (16^2 + 9^2 - 10^2) / (2 16 9)
    bare = (1 - (16**2 + 9**2 - 10**2) / (2 * 16 * 9)) / 2
    assert summary.coverage == pytest.approx(1 - bare, abs=0.03)
    assert summary.least == 0


def test_thickness_along_the_axes_of_a_flat_core(solids):
    shape = (50, 50, 50)
    core = solids.blurred(solids.signed_depth(shape, (24.5,) * 3, (8, 14, 14)), BLUR)
    body = body_of(solids.ellipsoid(shape, (24.5,) * 3, 20))
    summary = summarise_thickness(body, shell_thickness(body, front_of(body, core), core), directions=np.eye(3))
    along_z, along_y, along_x = summary.along
    assert along_z == pytest.approx(11.5, abs=0.8)  # 12 at the pole, less within 30 degrees of it
    assert along_y == pytest.approx(along_x, abs=0.1)
    assert along_z > along_y + 4
    assert summary.least < summary.tenth < summary.median < summary.nine_tenths < summary.largest
    assert summary.coverage == 1
    assert summary.variation > 0.2


@pytest.mark.parametrize(
    ("radius", "value", "expected"),
    [(12, 0.02, "no core"), (12, 0.99, "no shell"), (2, 0.5, "too small")],
)
def test_particles_of_one_phase_are_called_so(solids, radius, value, expected):
    inside = solids.ellipsoid((30, 30, 30), (14.5,) * 3, radius)
    assert structure_of(body_of(inside), np.full(inside.shape, value)) == expected


def test_noise_about_one_half_is_no_front(solids):
    inside = solids.ellipsoid((30, 30, 30), (14.5,) * 3, 12)
    noise = 0.5 + STANDARD_NOISE * np.random.default_rng(0).normal(size=inside.shape)
    core = denoise_fraction(noise, np.full(inside.shape, 0.1), inside, smoothing_px=1.0)
    assert structure_of(body_of(inside), core) == "no front"


def test_specks_of_noise_are_no_front(solids):
    body, core, _, _ = core_in_ball(solids, 14, 8, 0.0)
    area = front_of(body, core).surface.area
    core[4:6, 16, 16] = 1.0
    assert front_of(body, core).surface.area == pytest.approx(area)
    nothing = front_of(body, np.zeros_like(core))
    assert nothing.surface.is_empty
