"""Components, clusters and factors of simulated voxels, and what the references leave."""

import os
from pathlib import Path

import numpy as np
import pytest

from xanesmap.errors import FitError
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import make_model
from xanesmap.spectra.library import load_library
from xanesmap.spectra.reference import bundled_reference, sample_references
from xanesmap.spectra.residual_components import residual_component, residual_strength
from xanesmap.spectra.unmixing import cluster_spectra, factorise, principal_components

GRID = np.arange(7092.0, 7193.0, 2.0)
PHASES = sample_references([bundled_reference("LFP"), bundled_reference("FP")], GRID)
MODEL = make_model(PHASES, background_columns(GRID))
LIBRARY = Path(os.environ.get("XANESMAP_SHARED", "../shared")) / "data/spectra/fe_lfp_fepo4_hxn/FeLibNov2021.nor"


def voxels(fractions, *, references=PHASES, noise=0.1, seed=0):
    """Voxels `(energy, voxel)` with fractions `(phase, voxel)`."""
    clean = references.T @ fractions + 0.4 * background_columns(GRID).T
    sigma = np.linspace(0.8, 1.2, GRID.size) * noise
    return clean + sigma[:, None] * np.random.default_rng(seed).standard_normal(clean.shape), sigma


def two_phases(n=3000, seed=1):
    lfp = np.random.default_rng(seed).choice([0.0, 0.5, 1.0], n, p=[0.5, 0.1, 0.4])
    return np.stack([lfp, 1 - lfp])


def test_two_phases_of_one_amount_have_one_component_and_noise_has_none():
    spectra, noise = voxels(two_phases())
    found = principal_components(spectra, noise=noise)
    assert found.n_significant == 1
    difference = PHASES[0] - PHASES[1]
    cosine = found.spectra[0] @ difference / np.linalg.norm(found.spectra[0]) / np.linalg.norm(difference)
    # the direction is that of the difference, bent a little by unequal noise
    assert abs(cosine) > 0.97
    seen = [principal_components(voxels(np.tile([[0.3], [0.7]], 3000), seed=s)[0], noise=noise) for s in range(20)]
    assert sum(one.n_significant for one in seen) <= 2


@pytest.mark.parametrize("method", ["k-means", "gaussian-mixture"])
def test_clusters_are_the_phases(method):
    fractions = two_phases()
    spectra, noise = voxels(fractions, noise=0.06)
    found = cluster_spectra(spectra, noise=noise, n_clusters=3, method=method)
    assert found.sizes.sum() == 3000
    assert (np.diff(found.sizes) <= 0).all()
    truth = np.array([np.argmin(np.abs(np.array([0.0, 1.0, 0.5]) - f)) for f in fractions[0]])
    # 0.5 away from its neighbours, with errors of 0.03: nearly all are right
    assert np.mean(found.labels == truth) > 0.99
    np.testing.assert_allclose(found.spectra[0], PHASES[1] + 0.4 * background_columns(GRID)[0], atol=0.02)


def test_the_number_of_clusters_is_found():
    spectra, noise = voxels(two_phases(), noise=0.04)
    assert len(cluster_spectra(spectra, noise=noise).sizes) == 3
    with pytest.raises(FitError, match="k-means takes a number"):
        cluster_spectra(spectra, noise=noise, method="k-means")
    with pytest.raises(FitError, match="5 clusters of 3 spectra"):
        cluster_spectra(spectra[:, :3], noise=noise, n_clusters=5)


def test_factors_started_from_wrong_references_move_towards_the_truth():
    lfp = np.random.default_rng(0).random(2000)
    lfp[:600], lfp[600:1200] = 1.0, 0.0
    clean = PHASES.T @ np.stack([lfp, 1 - lfp])
    spectra = clean + 0.01 * np.random.default_rng(1).standard_normal(clean.shape)
    right = factorise(spectra, PHASES)
    assert right.change.max() < 0.02
    wrong = PHASES.copy()
    wrong[0] = 0.8 * PHASES[0] + 0.2 * PHASES[1]
    moved = factorise(spectra, wrong)
    before = np.sqrt(((wrong[0] - PHASES[0]) ** 2).mean())
    assert np.sqrt(((moved.spectra[0] - PHASES[0]) ** 2).mean()) < 0.6 * before
    assert moved.misfit < 0.02
    assert (moved.spectra >= 0).all()
    assert (moved.amounts >= 0).all()
    with pytest.raises(FitError, match="references of shape"):
        factorise(spectra, PHASES[:, :5])


@pytest.mark.parametrize("broken", [np.ones(5), np.ones((5, 1)), np.full((5, 3), np.nan)])
def test_spectra_that_cannot_be_unmixed_are_refused(broken):
    with pytest.raises(FitError, match=r"two or more are needed|not finite"):
        principal_components(broken, noise=np.ones(5))


@pytest.mark.skipif(not LIBRARY.is_file(), reason="the measured library is not here")
def test_a_phosphide_nobody_listed_is_revealed_by_the_residual_map():
    library = {reference.name: reference for reference in load_library(LIBRARY)}
    names = [next(n for n in library if key in n) for key in ("LiFe", "Fe(III)PO4", "Fe3P")]
    references = sample_references([library[name] for name in names], GRID)
    fractions = two_phases(4000)
    holds = np.zeros(4000, bool)
    holds[:800] = True
    with_third = np.vstack([fractions * np.where(holds, 0.82, 1.0), np.where(holds, 0.18, 0.0)])
    spectra, noise = voxels(with_third, references=references, noise=0.1)
    listed = make_model(references[:2], background_columns(GRID), noise=noise)
    found = residual_component(spectra, listed, noise=noise)
    assert found.significant
    # the shape is what the two references leave of the phosphide
    left = references[2] - listed.design @ (listed.solver @ references[2])
    assert found.spectrum @ left / np.linalg.norm(left) > 0.95
    contrast = found.strength[holds].mean() - found.strength[~holds].mean()
    assert contrast / found.sigma > 1.5  # in a single voxel; the mean of 100 shows it at 15 sigma
    assert found.strength[~holds].std() == pytest.approx(found.sigma, rel=0.15)
    np.testing.assert_allclose(residual_strength(found, spectra[:, :7], listed), found.strength[:7])


def test_references_that_suffice_leave_no_component():
    spectra, noise = voxels(two_phases(4000))
    found = residual_component(spectra.reshape(GRID.size, 40, 100), MODEL, noise=noise)
    assert found.eigenvalues[0] < 1.05 * found.noise_edge
    assert found.strength.shape == (40, 100)
    assert found.strength.std() == pytest.approx(found.sigma, rel=0.15)
    with pytest.raises(FitError, match="for a model of 51 energies"):
        residual_component(spectra[:5], MODEL, noise=noise[:5])


def test_a_wrong_energy_scale_shows_in_the_residuals_too():
    moved = sample_references([bundled_reference("LFP"), bundled_reference("FP")], GRID, energy_offset_ev=1.0)
    spectra, noise = voxels(two_phases(4000), references=moved)
    assert residual_component(spectra, MODEL, noise=noise).significant
