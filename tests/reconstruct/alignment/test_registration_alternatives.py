"""Contract of the alternatives: recovers plain displacements, where its library is installed."""

import numpy as np
import pytest
from scipy.ndimage import shift as move

from xanesmap.errors import DataError
from xanesmap.reconstruct.alignment import registration_alternatives
from xanesmap.reconstruct.alignment.displacement import without_gauge
from xanesmap.reconstruct.alignment.registration_alternatives import align_by_registration, registration_available
from xanesmap.reconstruct.fourier import FourierEngine

N_V, N_U, N_ANGLES = 22, 41, 30
ANGLES = np.linspace(0, np.pi, N_ANGLES, endpoint=False)


def needs(method):
    reason = f"{method} needs a library that is not installed here"
    return pytest.param(method, marks=pytest.mark.skipif(not registration_available(method), reason=reason))


def projections():
    """One energy: projections of two spots off the axis, `(angle, v, u)`."""
    z, y, x = np.ix_(*[np.arange(n) - (n - 1) / 2 for n in (N_V, N_U, N_U)])
    volume = np.exp(-((z - 2) ** 2 + (y - 4) ** 2 + (x + 3) ** 2) / 12)
    volume += 0.7 * np.exp(-((z + 3) ** 2 + (y + 6) ** 2 + (x - 2) ** 2) / 8)
    sinograms = FourierEngine().project(volume.astype(np.float32), ANGLES, centre=(N_U - 1) / 2)
    return np.ascontiguousarray(sinograms.transpose(1, 0, 2))


def displaced(frames, displacements):
    return np.stack([move(frame, d, order=3) for frame, d in zip(frames, displacements, strict=True)]).astype(
        np.float32
    )


@pytest.mark.parametrize("method", [needs("stackreg")])
def test_energies_of_the_same_contrast_are_registered_to_the_fullest(method):
    frames = projections()
    rng = np.random.default_rng(0)
    true = np.concatenate([np.zeros((1, N_ANGLES, 2)), rng.uniform(-1.5, 1.5, (2, N_ANGLES, 2))])
    stack = [displaced((1.2, 1.0, 0.9)[index] * frames, true[index]) + 0.01 * index for index in range(3)]
    alignment = align_by_registration(stack, [ANGLES] * 3, method=method)
    error = without_gauge(alignment.displacement_px - true, [ANGLES] * 3)
    assert np.sqrt(np.mean(error**2)) < 0.03
    np.testing.assert_allclose(alignment.air_level[2] - alignment.air_level[0], 0.02, atol=0.005)
    assert alignment.kept.all()


@pytest.mark.parametrize("method", [needs("joint-reprojection")])
def test_frames_of_one_energy_are_registered_to_what_they_make(method):
    frames = projections()
    true = np.random.default_rng(1).uniform(-1.0, 1.0, (1, N_ANGLES, 2))
    alignment = align_by_registration([displaced(frames, true[0])], [ANGLES], method=method, iterations=30)
    left = without_gauge(alignment.displacement_px - true, [ANGLES])
    start = without_gauge(true, [ANGLES])
    assert np.sqrt(np.mean(left**2)) < 0.35 * np.sqrt(np.mean(start**2))
    assert alignment.pattern.shape == (1, N_V, N_U)


@pytest.mark.parametrize("method", [needs("joint-reprojection")])
def test_energies_may_have_angles_of_their_own(method):
    frames = projections()
    alignment = align_by_registration([frames, frames[:-2]], [ANGLES, ANGLES[:-2]], method=method, iterations=1)
    assert not alignment.kept[1, -2:].any()
    assert np.isnan(alignment.shift_px[1, -2:]).all()
    assert np.isfinite(alignment.displacement_px[alignment.kept]).all()


@pytest.mark.parametrize(
    ("method", "library", "remedy"),
    [("stackreg", "pystackreg", "pip install pystackreg"), ("joint-reprojection", "tomopy", "from conda-forge")],
)
def test_a_missing_library_is_named_with_its_remedy(monkeypatch, method, library, remedy):
    monkeypatch.setattr(registration_alternatives, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=f"{library} is not installed.*{remedy}"):
        align_by_registration([projections()], [ANGLES], method=method)


def test_a_method_nobody_knows_is_refused():
    with pytest.raises(DataError, match="one of joint-reprojection, stackreg"):
        align_by_registration([projections()], [ANGLES], method="by eye")


def test_angles_that_differ_are_refused_where_frames_are_compared():
    frames = projections()
    with pytest.raises(DataError, match="angles differ between energies"):
        align_by_registration([frames, frames], [ANGLES, ANGLES + 0.01], method="stackreg")


def test_angles_of_another_number_are_refused():
    with pytest.raises(DataError, match="one angle for each frame"):
        align_by_registration([projections()], [ANGLES[:-1]], method="stackreg")
