"""Volumes of known composition through `map_phases`, the call that users make."""

import h5py
import numpy as np
import pytest
import tifffile

from xanesmap.errors import DataError, FitError
from xanesmap.phasemap.accuracy import compare_with_truth
from xanesmap.phasemap.pipeline import map_phases

PIXEL_NM = 40.0
MAPS = ("fraction", "fraction_sigma", "amount", "amount_sigma", "residual")


def mapped(source, out, *, unit="1/um", pixel_size_nm=PIXEL_NM, **settings):
    """Map volumes whose energies are on the scale of the references, and known to be."""
    reconstruct = {"pixel_size_nm": pixel_size_nm, "volume_unit": unit}
    return map_phases(source, out=out, reconstruct=reconstruct, spectra={"energy_offset_ev": 0.0}, **settings)


CASES = {
    "odd, many energies": {"shape": (7, 41, 53), "n_energies": 24},
    "even, one slice": {"shape": (1, 48, 64), "n_energies": 31},
    "not square, few energies": {"shape": (8, 66, 37), "n_energies": 6, "noise": 4e-4},
    "noise grows over the energies": {"shape": (6, 50, 45), "n_energies": 24, "spread": 3.0},
    "cut to the sample": {"shape": (5, 44, 47), "n_energies": 15, "fill": 0.78, "noise": 6e-4},
}


def offset_error(result):
    told = result.attributes["energy_scale"]
    return max(told["summed_spectrum"]["fraction_error"]) if told["source"] == "fitted" else 0.0


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_fractions_have_no_bias_and_error_bars_are_their_scatter(case, seed, make_volumes, tmp_path):
    known = make_volumes(seed=seed, **CASES[case])
    result = mapped(known.write(tmp_path / "v.h5"), tmp_path / "r.zarr", keep_mu=False)
    inside = (result.mask.values > 0) & known.block
    share = inside.sum() / (known.block & np.isfinite(known.mu[0])).sum()
    assert share > 0.8
    difference = (result.fraction.values[0] - known.fraction)[inside]
    pull = difference / result.fraction_sigma.values[0][inside]
    n_voxels = inside.sum()
    # the error of the energy offset is the same in all voxels; the result tells it
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(n_voxels) + 4 * offset_error(result)
    # the variance has 100 degrees of freedom or more: Student's t is wider than a Gaussian by 1 %
    assert pull.std() == pytest.approx(1.005, abs=0.01 + 4 / np.sqrt(2 * n_voxels))
    amount_pull = ((result.amount.values - known.amount_per_um) / result.amount_sigma.values)[inside]
    assert amount_pull.std() == pytest.approx(1.005, abs=0.01 + 4 / np.sqrt(2 * n_voxels))
    assert abs(amount_pull.mean()) < 5 / np.sqrt(n_voxels)
    for name in MAPS:
        assert np.isfinite(getattr(result, name).values[..., result.mask.values > 0]).all()


def test_the_error_of_a_fraction_is_what_theory_says(make_volumes, tmp_path):
    known = make_volumes(noise=8e-4)
    result = mapped(known.write(tmp_path / "v.h5"), tmp_path / "r.zarr", keep_mu=False)
    design = np.array(result.attributes["fit"]["design"])
    covariance = np.linalg.inv(design.T @ design)[:2, :2] * (8e-4 / known.amount_per_um) ** 2
    middle = (result.mask.values > 0) & (np.abs(known.fraction - 0.5) < 0.06)
    half = np.array([0.5, -0.5])  # derivative of a fraction of one half
    assert np.median(result.fraction_sigma.values[0][middle]) == pytest.approx(
        np.sqrt(half @ covariance @ half), rel=0.05
    )


def test_noisy_energies_weigh_less(make_volumes, tmp_path):
    known = make_volumes(spread=3.0)
    result = mapped(known.write(tmp_path / "v.h5"), tmp_path / "r.zarr", keep_mu=False)
    weights = np.array(result.attributes["fit"]["weights"])
    expected = np.geomspace(3.0, 1 / 3, 24)  # variance runs over a factor of 9
    np.testing.assert_allclose(weights / np.median(weights), expected / np.median(expected), rtol=0.25)


@pytest.mark.parametrize(
    ("factor", "settings", "stated"),
    [
        (1e4, {"unit": "1/cm"}, None),
        (1e4, {"unit": None}, "cm^-1"),
        (0.04, {"unit": None}, None),
        (0.04, {"unit": None}, "1/px"),
    ],
)
def test_the_unit_of_the_files_does_not_change_the_map(factor, settings, stated, make_volumes, tmp_path):
    known = make_volumes()
    expected = mapped(known.write(tmp_path / "a.h5"), tmp_path / "a.zarr")
    result = mapped(known.write(tmp_path / "b.h5", factor=factor, unit=stated), tmp_path / "b.zarr", **settings)
    for name in (*MAPS, "mu"):
        np.testing.assert_allclose(getattr(result, name), getattr(expected, name), rtol=2e-4, atol=2e-5, err_msg=name)
    told = [warning for warning in result.warnings if "unit" in warning or "state attenuation" in warning]
    assert len(told) == 1
    assert ("do not state the unit" in told[0]) == (stated is None and settings["unit"] is None)


def test_a_wrong_unit_is_doubted_where_the_sample_would_be_denser_than_iron(make_volumes, tmp_path):
    source = make_volumes().write(tmp_path / "v.h5")
    wrong = mapped(source, tmp_path / "r.zarr", unit=None, keep_mu=False)
    assert any("exceeds that of pure Fe" in warning for warning in wrong.warnings)
    right = mapped(source, tmp_path / "s.zarr", keep_mu=False)
    assert not any("exceeds" in warning for warning in right.warnings)
    np.testing.assert_allclose(wrong.fraction, right.fraction, rtol=1e-3, atol=1e-4)


def test_slabs_threads_and_memory_change_nothing(make_volumes, tmp_path):
    source = make_volumes(shape=(13, 41, 52)).write(tmp_path / "v.h5")
    expected = mapped(source, tmp_path / "a.zarr", threads=1)
    assert expected.attributes["slab_rows"] == 13
    small = mapped(source, tmp_path / "b.zarr", threads=1, memory="3MB")
    threaded = mapped(source, tmp_path / "c.zarr", threads=3)
    assert small.attributes["slab_rows"] < 13
    assert threaded.attributes["slab_rows"] < 13
    for result in (small, threaded):
        for name in (*MAPS, "mask", "phase_labels", "mu"):
            np.testing.assert_allclose(
                getattr(result, name), getattr(expected, name), rtol=2e-5, atol=2e-6, err_msg=name
            )


def test_nothing_outside_the_circle_is_mapped(make_volumes, tmp_path):
    known = make_volumes()
    zeros = tmp_path / "zeros.h5"
    known.write(zeros)
    with h5py.File(zeros, "r+") as file:
        values = file["registration_results/reg_results/registered_xanes3D"]
        values[...] = np.nan_to_num(values[...])
    result = mapped(known.write(tmp_path / "v.h5"), tmp_path / "r.zarr")
    outside = np.isnan(known.mu[0])
    assert not result.mask.values[outside].any()
    assert np.isnan(result.fraction.values[:, outside]).all()
    assert any(f"{outside.sum()} voxels" in warning for warning in result.warnings)
    np.testing.assert_array_equal(np.isnan(result.mu.values[0]), outside)
    by_zeros = mapped(zeros, tmp_path / "z.zarr")
    np.testing.assert_allclose(by_zeros.fraction, result.fraction, rtol=1e-5, atol=1e-6)


def test_one_missing_energy_leaves_out_its_voxel_only(make_volumes, tmp_path):
    known = make_volumes()
    inside = tuple(np.argwhere(known.block & (np.abs(known.fraction - 0.5) < 0.2))[40])
    known.mu[(3, *inside)] = np.inf
    result = mapped(known.write(tmp_path / "v.h5"), tmp_path / "r.zarr", keep_mu=False)
    assert not result.mask.values[inside]
    assert np.isfinite(result.fraction.values[0]).sum() > 0.7 * (known.block & np.isfinite(known.mu[0])).sum()


def test_every_layout_gives_the_same_map(make_volumes, tmp_path):
    known = make_volumes(shape=(5, 30, 41), n_energies=9)
    expected = mapped(known.write(tmp_path / "v.h5"), tmp_path / "a.zarr")
    (tmp_path / "pyxas").mkdir()
    (tmp_path / "tiff").mkdir()
    lines = ["name,energy_ev,pixel_size_nm"]
    for number, (energy, mu) in enumerate(zip(known.energies_ev, known.mu, strict=True)):
        with h5py.File(tmp_path / "pyxas" / f"recon_scan_{100 - number}.h5", "w") as file:
            file["img"], file["X_eng"] = mu, energy / 1000
        tifffile.imwrite(tmp_path / "tiff" / f"{number}.tif", mu, photometric="minisblack")
        lines.append(f"{number}.tif,{float(energy)!r},{PIXEL_NM}")
    (tmp_path / "tiff" / "energies.csv").write_text("\n".join(lines))
    for source, size in ((tmp_path / "pyxas", PIXEL_NM), (tmp_path / "tiff", None), (tmp_path / "a.zarr", None)):
        unit = None if source.suffix == ".zarr" else "1/um"
        result = mapped(source, tmp_path / "b.zarr", pixel_size_nm=size, unit=unit, overwrite=True)
        for name in MAPS:
            np.testing.assert_allclose(getattr(result, name), getattr(expected, name), rtol=1e-4, atol=1e-5)
        assert result.pixel_size_um == pytest.approx(PIXEL_NM / 1000)


def test_a_result_tells_what_it_was_made_of(make_volumes, tmp_path):
    source = make_volumes().write(tmp_path / "v.h5")
    energies = np.linspace(7096.0, 7191.0, 24)
    given = {"pixel_size_nm": 50.0, "volume_unit": "1/um", "energies_ev": energies.tolist(), "filter": "hann"}
    align = {"method": "none"}
    result = map_phases(source, out=tmp_path / "r.zarr", reconstruct=given, align=align)
    told = result.attributes
    np.testing.assert_array_equal(result.energies_ev, energies)
    assert told["configuration"]["reconstruct"]["energies_ev"] == energies.tolist()
    assert [item["path"] for item in told["inputs"]] == [str(source)]
    assert told["engine"]["name"].startswith("none")
    assert told["fraction_sigma_from"] == "residuals"
    assert told["fit"]["columns"] == ["LiFePO4", "FePO4", "background 1"]
    words = (
        "energies were given",
        "pixel size, 50 nm",
        "residuals of the fit",
        "filter, method had no effect",
        "1/um, was given",
    )
    for word in words:
        assert sum(word in warning for warning in result.warnings) == 1, (word, result.warnings)
    assert result.path.joinpath("tables", "phases.csv").is_file()


def test_stages_are_told_and_every_step_counted(make_volumes, tmp_path):
    steps = []
    source = make_volumes(shape=(8, 41, 52)).write(tmp_path / "v.h5")
    mapped(source, tmp_path / "r.zarr", threads=2, keep_mu=False, progress=lambda *step: steps.append(step))
    stages = {stage: [step[1:] for step in steps if step[0] == stage] for stage in dict.fromkeys(s[0] for s in steps)}
    assert list(stages) == ["Noise of energies", "Read and fit", "Mask and phases", "Write result"]
    assert stages["Read and fit"] == [(n, 4) for n in range(1, 5)]


def test_a_reconstruction_by_hand_agrees_with_the_main_job(small_scan, small_result, tmp_path):
    """What a run keeps, given back as volumes of another program."""
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["registration_results/reg_results/registered_xanes3D"] = small_result.mu.values
        file["registration_results/reg_results/eng_list"] = small_result.energies_ev
    result = mapped(tmp_path / "v.h5", tmp_path / "r.zarr", pixel_size_nm=320.0, keep_mu=False)
    both = (result.mask.values > 0) & (small_result.mask.values > 0)
    assert both.sum() > 0.95 * (small_result.mask.values > 0).sum()
    difference = np.abs(result.fraction.values - small_result.fraction.values)[:, both]
    assert np.median(difference) < np.median(small_result.fraction_sigma.values[:, both])
    rows = {row.kind: row for row in compare_with_truth(result, small_scan.truth)}
    for kind in ("LiFePO4", "FePO4", "mixed"):
        assert abs(rows[kind].bias) < 0.005 + 3 * rows[kind].standard_error
    # error bars from residuals against those from counts
    ratio = (result.fraction_sigma.values / small_result.fraction_sigma.values)[:, both]
    assert np.median(ratio) == pytest.approx(1, abs=0.2)


def test_volumes_that_cannot_be_used_are_refused(make_volumes, tmp_path):
    known, out = make_volumes(shape=(4, 30, 31), n_energies=5), tmp_path / "r.zarr"
    source = known.write(tmp_path / "v.h5")
    with pytest.raises(DataError, match=r"v\.h5: the files do not record a voxel size.*--pixel-size-nm"):
        map_phases(source, out=out)
    with pytest.raises(DataError, match=r"key 'reconstruct.volume_unit'.*found '1/inch'"):
        mapped(source, out, unit="1/inch")
    with pytest.raises(DataError, match=r"energies_ev gives 2 energies for 5 volumes"):
        map_phases(source, out=out, reconstruct={"energies_ev": [7100.0, 7120.0], "pixel_size_nm": 40})
    with pytest.raises(
        DataError, match=r"one slice of these volumes \(5 energies, 130 x 131 voxels\) needs 0\.00\d+ GB"
    ):
        mapped(make_volumes(shape=(2, 130, 131), n_energies=5).write(tmp_path / "w.h5"), out, memory="1MB")
    fewest = make_volumes(shape=(4, 30, 31), n_energies=3).write(tmp_path / "x.h5")
    with pytest.raises(FitError, match="3 energies and 3 columns of the fit leave no residual"):
        mapped(fewest, out)
    assert not out.exists()
