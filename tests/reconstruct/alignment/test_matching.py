import numpy as np
import pytest

from xanesmap.reconstruct.alignment.matching import match_energy
from xanesmap.reconstruct.alignment.resampling import apply_displacement
from xanesmap.reconstruct.alignment.rigid_motion import solve_rigid_motion
from xanesmap.reconstruct.simulator.optics import spline_coefficients

ANGLES = np.linspace(0, np.pi, 41, endpoint=False)
SPECTRUM = np.array([1.0, 0.6])
EVERY = np.ones(len(ANGLES), bool)


def sinograms(n_v=36, n_u=48):
    """`(component, angle, v, u)` one ball per component and one common, rotating."""
    v, u = np.meshgrid(np.arange(n_v) - (n_v - 1) / 2, np.arange(n_u) - (n_u - 1) / 2, indexing="ij")
    out = np.zeros((2, len(ANGLES), n_v, n_u), np.float32)
    for component, balls in enumerate([[(-4, 8, 3, 5), (5, -6, 4, 3)], [(3, 4, -7, 4), (-6, -3, 8, 3)]]):
        for z, x, y, radius in balls:
            centre = (x * np.cos(ANGLES) - y * np.sin(ANGLES))[:, None, None]
            out[component] += np.exp(-((v - z) ** 2 + (u - centre) ** 2) / (2 * (radius / 1.5) ** 2))
    return out


def displaced(components, shifts):
    moved = [apply_displacement(spline_coefficients(c), shift_px=shifts, magnification=1.0) for c in components]
    return np.tensordot(SPECTRUM.astype(np.float32), np.stack(moved), axes=1)


def test_steps_recover_small_displacements_and_gain():
    rng = np.random.default_rng(0)
    shifts = rng.normal(scale=0.05, size=(len(ANGLES), 2))
    components = sinograms()
    measured = 1.1 * displaced(components, shifts)
    match = match_energy(measured, components, spectrum=SPECTRUM, angles_rad=ANGLES, kept=EVERY)
    # Scaled contrast scales the apparent displacement. What the mean over the angles takes with it of the other
    # frames' displacements is of the order of 0.05 px / sqrt(41 frames).
    np.testing.assert_allclose(match.step_px, 1.1 * shifts, atol=0.025)
    assert np.sqrt(np.mean((match.step_px - 1.1 * shifts) ** 2)) < 0.008
    np.testing.assert_allclose(match.gain, 1.1, atol=0.03)


def test_a_fixed_pattern_does_not_pull_the_steps():
    rng = np.random.default_rng(1)
    components = sinograms()
    measured = displaced(components, np.zeros((len(ANGLES), 2)))
    with_pattern = measured + rng.normal(scale=0.3, size=measured.shape[1:]).astype(np.float32)
    match = match_energy(with_pattern, components, spectrum=SPECTRUM, angles_rad=ANGLES, kept=EVERY)
    np.testing.assert_allclose(match.step_px, 0, atol=1e-3)
    np.testing.assert_allclose(match.right, 0, atol=1e-2)


def test_the_level_of_the_lamp_does_not_pull_the_steps():
    rng = np.random.default_rng(2)
    components = sinograms()
    measured = displaced(components, np.zeros((len(ANGLES), 2)))
    measured += rng.normal(size=(len(ANGLES), 1, 1)).astype(np.float32)
    match = match_energy(measured, components, spectrum=SPECTRUM, angles_rad=ANGLES, kept=EVERY)
    np.testing.assert_allclose(match.step_px, 0, atol=1e-3)


@pytest.mark.parametrize("seed", [0, 1])
def test_standard_error_is_the_scatter_of_the_steps(seed):
    components = sinograms()
    measured = displaced(components, np.zeros((len(ANGLES), 2)))
    measured = measured + np.random.default_rng(seed).normal(scale=0.05, size=measured.shape).astype(np.float32)
    match = match_energy(measured, components, spectrum=SPECTRUM, angles_rad=ANGLES, kept=EVERY)
    # 82 values: their spread is known to 8 %
    assert np.sqrt(np.mean(match.step_px**2)) == pytest.approx(np.sqrt(np.mean(match.sigma_px**2)), rel=0.25)


def test_motion_of_whole_energies_is_found_although_the_components_follow():
    components = sinograms()
    spectra = np.array([[0.2, 0.2], [1.2, 0.4], [1.4, 1.1], [1.0, 1.4], [1.0, 1.0]])
    motion = np.array([[0.05, 0, 0.02], [-0.03, 0.04, 0], [0.01, 0, -0.05], [0, -0.04, 0.01], [-0.03, 0, 0.02]])
    circle = np.stack([np.cos(ANGLES), -np.sin(ANGLES)], axis=1)
    frames = []
    for moved, spectrum in zip(motion, spectra, strict=True):
        shifts = np.column_stack([np.full(len(ANGLES), moved[0]), circle @ moved[1:]])
        shown = [apply_displacement(spline_coefficients(c), shift_px=shifts, magnification=1.0) for c in components]
        frames.append(np.tensordot(spectrum.astype(np.float32), np.stack(shown), axes=1))
    followed = np.tensordot(np.linalg.pinv(spectra).astype(np.float32), np.stack(frames), axes=1)
    matches = [
        match_energy(measured, followed, spectrum=spectrum, angles_rad=ANGLES, kept=EVERY)
        for measured, spectrum in zip(frames, spectra, strict=True)
    ]
    found = solve_rigid_motion([m.normal for m in matches], [m.right for m in matches], spectra=spectra)
    np.testing.assert_allclose(found, motion - motion.mean(axis=0), atol=0.005)
    by_frame = np.array([match.step_px[:, 0].mean() for match in matches])
    assert np.abs(by_frame - motion[:, 0]).max() > 0.01  # what the components have followed is lost without it


def test_as_many_components_as_energies_leave_nothing_to_move():
    components = sinograms()
    spectra = np.array([[1.0, 0.2], [0.3, 1.0]])
    matches = [
        match_energy(
            np.tensordot(s.astype(np.float32), components, axes=1),
            components,
            spectrum=s,
            angles_rad=ANGLES,
            kept=EVERY,
        )
        for s in spectra
    ]
    found = solve_rigid_motion([m.normal for m in matches], [m.right for m in matches], spectra=spectra)
    np.testing.assert_allclose(found, 0, atol=1e-6)
