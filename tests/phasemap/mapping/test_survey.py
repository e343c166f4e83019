import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.config import make_config
from xanesmap.phasemap.mapping.preparation import combination_model, load_references
from xanesmap.phasemap.mapping.survey import survey_scan
from xanesmap.phasemap.progress import no_progress
from xanesmap.reconstruct.readers import open_scan


def survey(folder, *, centre_px=None, memory_bytes=10**9, progress=no_progress):
    scan = open_scan(folder)
    config = make_config({"scan": str(folder)})
    model = combination_model(scan, load_references(config), config)
    return survey_scan(
        scan,
        unmixing=lambda total: model.solver[:2],
        centre_px=centre_px,
        zinger_sigma=8.0,
        memory_bytes=memory_bytes,
        progress=progress,
    )


@pytest.fixture(scope="module")
def found(small_scan):
    return survey(small_scan.folder)


def test_centres_are_those_of_the_simulation(found, small_scan):
    np.testing.assert_allclose(found.centres_px, small_scan.truth.centre_px, atol=0.1)
    assert all(0 < energy.centre.sigma < 0.1 for energy in found.energies)


def test_noise_of_a_line_integral_is_one_over_the_photons(found, small_scan):
    # few percent of the light are absorbed, which raises the variance by as much
    photons = small_scan.truth.photons.mean(axis=1)
    np.testing.assert_allclose(found.variances * photons, 1, atol=0.3)
    assert (found.variances * photons > 0.95).all()


def test_detector_gain_turns_counts_into_photons(found, small_scan):
    with h5py.File(small_scan.files[0]) as file:
        counts = file["img_bkg"][()].mean() - file["img_dark"][()].mean()
    gains = [energy.noise.gain for energy in found.energies]
    np.testing.assert_allclose(counts / np.array(gains), small_scan.settings.photons, rtol=0.1)


def test_a_still_scan_gives_no_cause_for_notes(found):
    assert found.notes == ()


def test_the_centre_of_the_user_is_taken_as_it_is(small_scan):
    given = survey(small_scan.folder, centre_px=17.25)
    np.testing.assert_array_equal(given.centres_px, 17.25)


def test_nothing_depends_on_how_much_memory_is_free(found, small_scan):
    for memory_bytes in (5 * 10**6, 10**12):
        again = survey(small_scan.folder, memory_bytes=memory_bytes)
        np.testing.assert_array_equal(again.centres_px, found.centres_px)
        np.testing.assert_array_equal(again.variances, found.variances)


def test_a_look_at_some_rows_finds_the_same_noise(found, small_scan):
    few = survey(small_scan.folder, memory_bytes=10**6, centre_px=19.5)
    np.testing.assert_allclose(few.variances, found.variances, rtol=0.1)


def test_progress_counts_the_energies(small_scan):
    steps = []
    survey(small_scan.folder, centre_px=19.5, progress=lambda *step: steps.append(step))
    assert steps == [("Centre and noise", n, 8) for n in range(1, 9)]


def test_a_single_flat_is_noted_and_the_noise_taken_from_the_projections(found, scan_copy):
    for path in scan_copy.iterdir():
        with h5py.File(path, "r+") as file:
            mean = np.rint(file["img_bkg"][()].mean(axis=0, keepdims=True)).astype(np.uint16)
            del file["img_bkg"]
            file["img_bkg"] = mean
    single = survey(scan_copy, centre_px=19.5)
    assert single.notes == (
        "Too few flats to measure the detector noise; it was estimated from the projections instead.",
    )
    # the structure of the sample passes for noise, so it is told too high rather than too low
    ratio = single.variances / found.variances
    assert (ratio > 0.8).all()
    assert (ratio < 2).all()


def test_a_scan_without_contrast_names_its_folder(scan_copy):
    for path in scan_copy.iterdir():
        with h5py.File(path, "r+") as file:
            flat = file["img_bkg"][()].mean(axis=0)
            file["img_tomo"][...] = np.random.default_rng(3).poisson(flat, size=(40, 24, 40)).astype(np.uint16)
    with pytest.raises(DataError, match=f"{scan_copy}: "):
        survey(scan_copy)
