"""2-D stacks of known composition through `map_phases`, the call that users make."""

import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.morphology.job import segment_phases
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.refit import refit_phases

DEPTH_PER_AMOUNT = 5.0  # an edge step of 0.06 becomes an optical depth of 0.3


def stack_of(known, path, *, writer="fxi", bad=(), pixel_size="40nm"):
    """Images (energy, row, column) whose optical depth is that of known volumes, one slice thick, and air outside."""
    transmission = np.exp(-DEPTH_PER_AMOUNT * np.nan_to_num(known.mu[:, 0].astype(np.float64)))
    for where, value in bad:
        transmission[where] = value
    flats = np.random.default_rng(5).uniform(800.0, 1200.0, transmission.shape)
    with h5py.File(path, "w") as file:
        if writer == "fxi":
            file["img_xanes"], file["X_eng"] = transmission.astype(np.float32), known.energies_ev / 1000
            if pixel_size:
                file["Pixel Size"] = pixel_size
        elif writer == "aps":
            file["exchange/data"], file["exchange/data_white"] = transmission * flats + 100, flats + 100
            file["exchange/data_dark"] = np.full((3, *flats.shape[1:]), 100.0)
            file["exchange/energy"] = known.energies_ev / 1000
        else:
            file["exchange/data"], file["exchange/white_data"] = (transmission * flats).T, flats.T
            file["exchange/energy"] = known.energies_ev
            file["exchange/data"].attrs["axes"] = "x:y:energy"
    return path


def mapped(source, out, **settings):
    given = {"reconstruct": {"pixel_size_nm": 40.0}, "spectra": {"energy_offset_ev": 0.0}} | settings
    return map_phases(source, out=out, **given)


CASES = {"odd": (1, 61, 75), "even": (1, 48, 64), "odd and even": (1, 50, 67)}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("writer", ["fxi", "aps", "mantis"])
def test_fractions_and_amounts_have_no_bias_and_error_bars_are_their_scatter(case, writer, make_volumes, tmp_path):
    known = make_volumes(CASES[case], n_energies=31, seed=len(writer))
    result = mapped(stack_of(known, tmp_path / "s.h5", writer=writer), tmp_path / "r.zarr", keep_mu=False)
    assert result.shape == CASES[case]
    inside = (result.mask.values > 0) & known.block & np.isfinite(known.mu[0])
    n_pixels = inside.sum()
    assert n_pixels > 0.8 * (known.block & np.isfinite(known.mu[0])).sum()
    difference = (result.fraction.values[0] - known.fraction)[inside]
    pull = difference / result.fraction_sigma.values[0][inside]
    tolerance = 0.01 + 4 / np.sqrt(2 * n_pixels)
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(n_pixels)
    assert pull.std() == pytest.approx(1.005, abs=tolerance)
    amount = DEPTH_PER_AMOUNT * known.amount_per_um
    amount_pull = ((result.amount.values - amount) / result.amount_sigma.values)[inside]
    assert abs(amount_pull.mean()) < 5 / np.sqrt(n_pixels)
    assert amount_pull.std() == pytest.approx(1.005, abs=tolerance)


def test_amounts_are_optical_depth_whatever_the_pixel_size(make_volumes, tmp_path):
    source = stack_of(make_volumes((1, 41, 52)), tmp_path / "s.h5", pixel_size="40nm")
    results = {
        size: mapped(source, tmp_path / f"{size}.zarr", reconstruct={"pixel_size_nm": size}) for size in (20.0, None)
    }
    for name in ("amount", "amount_sigma", "fraction", "mu"):
        np.testing.assert_array_equal(getattr(results[20.0], name), getattr(results[None], name))
    assert (results[20.0].pixel_size_um, results[None].pixel_size_um) == pytest.approx((0.02, 0.04))
    result = results[None]
    for name in ("amount", "amount_sigma", "mu"):
        assert getattr(result, name).attrs["units"] == "1"
        assert "optical depth" in getattr(result, name).attrs["long_name"]
    with h5py.File(source) as file:
        read = -np.log(file["img_xanes"][...])
    np.testing.assert_allclose(result.mu.values[:, 0], read, rtol=1e-4, atol=1e-6)
    assert result.attenuation_unit == "1"
    assert "mask_threshold_per_um" not in result.attributes
    assert "mean edge step (1)" in (result.path / "tables" / "phases.csv").read_text()
    assert sum("overlap along the beam" in warning for warning in result.warnings) == 1
    assert not any("exceeds that of pure" in warning or "1/um" in warning for warning in result.warnings)
    assert result.attributes["fraction_sigma_from"] == "residuals"


def test_volumes_keep_their_unit(make_volumes, tmp_path):
    result = mapped(make_volumes((1, 41, 52)).write(tmp_path / "v.h5"), tmp_path / "r.zarr")
    assert result.attenuation_unit == result.amount.attrs["units"] == result.mu.attrs["units"] == "1/um"
    assert "mean edge step (1/um)" in (result.path / "tables" / "phases.csv").read_text()


def test_a_result_fitted_again_is_still_optical_depth(make_volumes, tmp_path):
    first = mapped(stack_of(make_volumes((1, 41, 52)), tmp_path / "s.h5"), tmp_path / "a.zarr")
    again = refit_phases(first.path, out=tmp_path / "b.zarr", spectra={"energy_offset_ev": 0.0})
    assert again.attenuation_unit == again.amount.attrs["units"] == again.mu.attrs["units"] == "1"
    np.testing.assert_allclose(again.amount, first.amount, rtol=1e-4, atol=1e-6)


def test_bad_pixels_have_no_fraction_and_their_neighbours_do(make_volumes, tmp_path):
    known = make_volumes((1, 41, 52))
    places = [(20, 24), (18, 28), (22, 26), (20, 30)]
    bad = [
        ((index, *place), value)
        for index, (place, value) in enumerate(zip(places, (0, -0.1, np.nan, np.inf), strict=True))
    ]
    result = mapped(stack_of(known, tmp_path / "s.h5", bad=bad), tmp_path / "r.zarr", keep_mu=False)
    for row, column in places:
        assert np.isnan(result.fraction.values[:, 0, row, column]).all()
        assert np.isnan(result.amount.values[0, row, column])
        assert not result.mask.values[0, row, column]
        assert np.isfinite(result.fraction.values[:, 0, row, column - 1]).all()
    assert any("4 voxels" in warning and "no value at some energy" in warning for warning in result.warnings)


def test_what_has_no_meaning_for_images_is_refused(make_volumes, tmp_path):
    source = stack_of(make_volumes((1, 41, 52)), tmp_path / "s.h5")
    with pytest.raises(DataError, match=r"s\.h5: holds 2-D images, whose optical depth has no unit.*--volume-unit"):
        mapped(source, tmp_path / "r.zarr", reconstruct={"volume_unit": "1/cm"})
    without_size = stack_of(make_volumes((1, 41, 52)), tmp_path / "t.h5", pixel_size=None)
    with pytest.raises(DataError, match=r"t\.h5: the files do not record a voxel size.*--pixel-size-nm"):
        map_phases(without_size, out=tmp_path / "r.zarr")
    result = mapped(source, tmp_path / "r.zarr", keep_mu=False)
    with (result.path / "tables" / "phases.csv").open() as table:
        assert table.readline().startswith("phase,pixels,area (um^2),area error (um^2),share of sample area (1)")
    segmented = segment_phases(result)
    assert "overlap along the beam" in " ".join(segmented.attributes["segmentation"]["warnings"])
    assert "volume" not in (result.path / "tables" / "particles.csv").read_text()
