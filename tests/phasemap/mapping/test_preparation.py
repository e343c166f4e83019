from dataclasses import replace
from unittest.mock import MagicMock

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.config import make_config
from xanesmap.phasemap.mapping.preparation import (
    check_centre,
    combination_model,
    engine_of,
    facts_before,
    load_references,
    pixel_size_um,
    prepare_job,
    warnings_after,
    warnings_before,
)
from xanesmap.phasemap.progress import no_progress
from xanesmap.reconstruct.alignment.displacement import Alignment
from xanesmap.reconstruct.readers import open_scan


@pytest.fixture(scope="module")
def scan(small_scan):
    return open_scan(small_scan.folder)


@pytest.fixture(scope="module")
def job(scan):
    """What the slabs of the scan have in common, its frames used as recorded."""
    config = config_with(align={"method": "none"}, memory="500MB")
    return prepare_job(scan, load_references(config), engine_of(config, threads=1), config, progress=no_progress)


def config_with(**sections):
    return make_config({"scan": "scan", **sections})


def with_pixel_sizes(scan, sizes):
    tomograms = (replace(t, pixel_size_nm=size) for t, size in zip(scan.tomograms, sizes, strict=True))
    return replace(scan, tomograms=tuple(tomograms))


def test_references_are_loaded_in_the_order_of_the_configuration(reference_files):
    named = {"FePO4": "bundled", "charged": str(reference_files["FePO4"]), "LiFePO4": "bundled"}
    loaded = load_references(config_with(spectra={"references": named}))
    assert [reference.name for reference in loaded] == ["FePO4", "charged", "LiFePO4"]
    assert "analytic" in loaded[0].source
    assert loaded[1].source == str(reference_files["FePO4"])


@pytest.mark.parametrize(("background", "columns"), [("none", 2), ("constant", 3), ("linear", 4), ("victoreen", 3)])
def test_model_has_the_phases_and_the_background_asked_for(background, columns, scan):
    config = config_with(spectra={"background": background})
    model = combination_model(scan, load_references(config), config)
    assert model.design.shape == (8, columns)
    assert model.n_phases == 2
    # one atom of a phase makes one unit of its amount
    np.testing.assert_allclose((model.solver @ model.design)[:2, :2], np.eye(2), atol=1e-9)


def test_noisy_energies_weigh_less(scan):
    config = config_with()
    noise = np.array([1, 1, 1, 2, 1, 1, 1, 1.0])
    model = combination_model(scan, load_references(config), config, noise=noise)
    assert model.weights[3] / model.weights[0] == pytest.approx(0.25)


def test_the_energy_offset_moves_the_references_to_the_scan(scan):
    moved, still = config_with(spectra={"energy_offset_ev": 2.0}), config_with()
    (values, _), (curve, _) = (combination_model(scan, load_references(c), c).references for c in (moved, still))
    reference = load_references(still)[0]
    expected = np.interp(scan.energies_ev + 2.0, reference.energies_ev, reference.values)
    np.testing.assert_allclose(values, expected, atol=1e-3)
    assert np.abs(values - curve).max() > 0.1


def test_pixel_size_of_the_configuration_precedes_that_of_the_files(scan):
    assert pixel_size_um(scan, config_with()) == pytest.approx(0.32)
    assert pixel_size_um(scan, config_with(reconstruct={"pixel_size_nm": 50})) == pytest.approx(0.05)
    with pytest.raises(DataError, match=r"10001.h5: no dataset 'Pixel Size' .* --pixel-size-nm"):
        pixel_size_um(with_pixel_sizes(scan, [None] * 8), config_with())


@pytest.mark.parametrize("centre", [0, 19.5, 39])
def test_centres_on_the_detector_are_accepted(centre, scan):
    check_centre(scan, config_with(reconstruct={"centre_px": centre}))


@pytest.mark.parametrize("centre", [-0.5, 39.5, 1e9])
def test_centres_beside_the_detector_are_refused(centre, scan):
    with pytest.raises(DataError, match=r"rotation centre at detector column .* columns 0 to 39. Correct --centre"):
        check_centre(scan, config_with(reconstruct={"centre_px": centre}))


def test_a_change_of_magnification_over_the_scan_is_told_where_the_frames_were_not_aligned(job):
    def told(sizes, **changes):
        changed = replace(job, scan=with_pixel_sizes(job.scan, sizes), **changes)
        warnings = warnings_after(changed, config_with(), threshold=0.1, n_bad=0)
        return [line for line in warnings if "pixel size changes" in line]

    assert told([320] * 8) == []
    assert told([None] * 8) == []
    # 1 % of 20 columns is a fifth of a pixel at the rim: nothing to see
    assert told(np.linspace(320, 323.2, 8)) == []
    (line,) = told(np.linspace(320, 326.4, 8))
    assert "2.00 %" in line
    assert "0.4 pixels" in line
    assert told(np.linspace(320, 326.4, 8), alignment=MagicMock(spec=Alignment)) == []


def test_bundled_references_are_told_by_name(scan, reference_files):
    own = {phase: str(path) for phase, path in reference_files.items()}
    assert warnings_before(scan, config_with(spectra={"references": own})) == list(scan.notes)
    mixed = warnings_before(scan, config_with(spectra={"references": own | {"FePO4": "bundled"}}))
    assert sum("used for FePO4. " in line for line in mixed) == 1


def test_facts_name_engine_inputs_and_configuration(scan):
    config = config_with(reconstruct={"engine": "fourier"}, phasemap={"pure_threshold": 0.8})
    facts = facts_before(scan, load_references(config), engine_of(config, threads=1), config)
    assert facts["engine"]["name"] == "fourier"
    assert len(facts["inputs"]) == 8
    assert facts["label_threshold"] == 0.8
    assert make_config(facts["configuration"]) == config
