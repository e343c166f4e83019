"""Fits of kept attenuation against the run that kept it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.refit import refit_phases
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.reference import bundled_reference, sample_references

MAPS = ("fraction", "fraction_sigma", "fraction_sigma_counting", "amount", "amount_sigma", "residual")
AT_REST = {"align": {"method": "none"}, "memory": "500MB"}


def assert_same(result, other):
    for name in (*MAPS, "mask", "phase_labels"):
        np.testing.assert_allclose(getattr(result, name), getattr(other, name), rtol=2e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("settings", [{}, {"memory": "4MB", "threads": 1}, {"threads": 3}])
def test_a_refit_with_nothing_changed_is_the_run(settings, small_result, tmp_path):
    result = refit_phases(small_result.path, out=tmp_path / "r.zarr", **settings)
    assert result.attributes["fraction_sigma_from"] == "counting statistics"
    assert_same(result, small_result)
    np.testing.assert_array_equal(result.mu, small_result.mu)
    again = refit_phases(result.path, out=tmp_path / "again.zarr", keep_mu=False)
    assert_same(again, small_result)
    assert again.mu is None


def test_a_refit_with_another_constraint_is_the_run_with_it(small_scan, small_result, tmp_path):
    spectra = {"constraint": "non-negative"}
    run = map_phases(small_scan.folder, out=tmp_path / "a.zarr", keep_mu=False, spectra=spectra, **AT_REST)
    assert_same(refit_phases(small_result.path, out=tmp_path / "b.zarr", spectra=spectra), run)


def test_a_refit_with_other_settings_solves_the_least_squares(small_result, reference_files, tmp_path):
    spectra = {"background": "constant", "energy_offset_ev": 0.7}
    turned = {"FePO4": reference_files["FePO4"], "LiFePO4": reference_files["LiFePO4"]}
    result = refit_phases(small_result.path, references=turned, out=tmp_path / "r.zarr", spectra=spectra)
    assert result.phases == ("FePO4", "LiFePO4")
    energies = small_result.energies_ev
    names = [bundled_reference(name) for name in result.phases]
    references = sample_references(names, energies, energy_offset_ev=0.7)
    design = np.concatenate([references, background_columns(energies, kind="constant")]).T
    root = np.sqrt(np.array(small_result.attributes["fit"]["weights"]))[:, None]
    inside = (result.mask.values > 0) & (small_result.mask.values > 0)
    coefficients = np.linalg.lstsq(design * root, small_result.mu.values[:, inside] * root, rcond=None)[0]
    np.testing.assert_allclose(result.amount.values[inside], coefficients[:2].sum(axis=0), rtol=1e-3)
    expected = coefficients[:2] / coefficients[:2].sum(axis=0)
    # the files hold the bundled references on their points, and the bias of the ratio, sigma^2, is taken off
    np.testing.assert_allclose(result.fraction.values[:, inside], expected, atol=2e-3 + 2 * 0.05**2)
    assert result.attributes["configuration"]["spectra"]["background"] == "constant"


def test_references_are_those_the_result_holds_wherever_their_files_went(small_scan, reference_files, tmp_path):
    files = {name: shutil.copy(path, tmp_path / f"{name}.csv") for name, path in reference_files.items()}
    run = map_phases(small_scan.folder, references=files, out=tmp_path / "a.zarr", **AT_REST)
    for path in files.values():
        Path(path).unlink()
    result = refit_phases(run.path, out=tmp_path / "b.zarr")
    assert_same(result, run)
    assert result.attributes["references"] == run.attributes["references"]
    with pytest.raises(DataError, match=r"LiFePO4\.csv.*cannot be read"):
        refit_phases(run.path, references={"LiFePO4": files["LiFePO4"]}, out=tmp_path / "c.zarr")


def test_a_result_of_an_earlier_program_is_refitted_with_residuals_and_that_is_told(small_result, tmp_path):
    earlier = Path(shutil.copytree(small_result.path, tmp_path / "earlier.zarr"))
    shutil.rmtree(earlier / "noise")
    result = refit_phases(earlier)
    assert result.path == tmp_path / "earlier_refit.zarr"
    assert result.attributes["fraction_sigma_from"] == "residuals"
    assert sum("residuals of the fit" in warning for warning in result.warnings) == 1
    inside = (result.mask.values > 0) & (small_result.mask.values > 0)
    np.testing.assert_allclose(result.amount.values[inside], small_result.amount.values[inside], rtol=1e-5)
    ratio = result.fraction_sigma.values[:, inside] / small_result.fraction_sigma.values[:, inside]
    assert np.median(ratio) == pytest.approx(1, abs=0.2)


def test_an_energy_without_a_say_may_have_one_again(small_result, tmp_path):
    copy = Path(shutil.copytree(small_result.path, tmp_path / "copy.zarr"))
    stored = json.loads((copy / "zarr.json").read_text())
    weights = stored["attributes"]["xanesmap"]["fit"]["weights"]
    before = list(weights)
    weights[3] *= 1e-12
    (copy / "zarr.json").write_text(json.dumps(stored))
    found = refit_phases(copy, keep_mu=False).attributes["fit"]["weights"]
    assert min(before[2], before[4]) <= found[3] <= max(before[2], before[4])
    np.testing.assert_allclose(np.delete(found, 3), np.delete(before, 3))


def test_a_result_tells_where_its_attenuation_comes_from(small_result, tmp_path):
    result = refit_phases(small_result.path, out=tmp_path / "r.zarr", keep_mu=False)
    origin = result.attributes["made_from"]
    assert origin["path"] == str(small_result.path.resolve())
    assert origin["inputs"] == json.loads(json.dumps(small_result.attributes["inputs"]))
    assert result.attributes["engine"] == small_result.attributes["engine"]
    assert any("the notes of that result hold too" in warning for warning in result.warnings)


def test_what_cannot_be_fitted_again_is_refused_and_no_input_is_changed(small_scan, small_result, tmp_path):
    copy = Path(shutil.copytree(small_result.path, tmp_path / "copy.zarr"))
    before = (copy / "zarr.json").read_bytes()
    for out in (copy, copy / "inside.zarr"):
        with pytest.raises(DataError, match=r"would replace its own input '.*copy\.zarr'"):
            refit_phases(copy, out=out, overwrite=True)
    assert (copy / "zarr.json").read_bytes() == before
    with pytest.raises(DataError, match="neither pixel size nor unit can be changed"):
        refit_phases(copy, reconstruct={"pixel_size_nm": 20.0})
    with pytest.raises(DataError, match=r"holds 8 energies, and energies_ev gives 1"):
        refit_phases(copy, reconstruct={"energies_ev": [7100.0]})
    shutil.rmtree(copy / "mu")
    with pytest.raises(DataError, match=r"copy\.zarr' did not keep its attenuation"):
        refit_phases(copy)
    with pytest.raises(DataError, match=r"neither reconstructed volumes nor a result.*'xanesmap run'"):
        refit_phases(small_scan.folder)
    with pytest.raises(DataError, match="neither reconstructed volumes nor a result"):
        refit_phases(tmp_path / "nowhere")
