import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.overrides import check_overrides
from xanesmap.reconstruct.volumes.image_stacks import is_image_stack, open_image_stack
from xanesmap.reconstruct.volumes.opening import open_volumes
from xanesmap.reconstruct.volumes.recognition import holds_volumes
from xanesmap.reconstruct.volumes.stored_images import optical_depth_of

SHAPE = (6, 5, 7)
ENERGIES_EV = np.linspace(7100.0, 7150.0, SHAPE[0])
DEPTH = np.random.default_rng(1).uniform(0.02, 2.0, SHAPE)
FLAT = 900.0 + 300.0 * np.random.default_rng(2).uniform(size=SHAPE)
DARK = 90.0 + 5.0 * np.random.default_rng(3).uniform(size=(4, *SHAPE[1:]))
COUNTS = np.exp(-DEPTH) * FLAT + DARK.mean(axis=0)
FLATS = FLAT + DARK.mean(axis=0)


def write(path, content, **axes):
    with h5py.File(path, "w") as file:
        for name, value in content.items():
            file[name] = value
        for name, text in axes.items():
            file[f"exchange/{name}"].attrs["axes"] = text
    return path


def fxi(path, images=None, **changed):
    content = {"img_xanes": np.exp(-DEPTH).astype(np.float32) if images is None else images}
    content |= {"X_eng": ENERGIES_EV / 1000, "Pixel Size": "20.3nm"} | changed
    return write(path, {name: value for name, value in content.items() if value is not None})


def aps(path, **changed):
    content = {"data": COUNTS, "data_white": FLATS, "data_dark": DARK, "energy": ENERGIES_EV / 1000} | changed
    return write(path, {f"exchange/{name}": value for name, value in content.items() if value is not None})


def mantis(path, **changed):
    content = {"data": COUNTS.T, "white_data": FLATS.T, "dark_data": DARK.T, "energy": ENERGIES_EV} | changed
    return write(path, {f"exchange/{name}": value for name, value in content.items() if value is not None})


def depth_in(series):
    values = series.read_slices(0, 1)
    assert values.shape[1] == 1
    return values[:, 0]


@pytest.mark.parametrize("writer", [fxi, aps, mantis])
def test_optical_depth_is_read_along_energy_row_column(writer, tmp_path):
    path = writer(tmp_path / "stack.h5")
    assert is_image_stack(path)
    assert holds_volumes(path)
    assert holds_volumes(tmp_path)
    series = open_volumes(tmp_path)
    assert series.shape == (6, 1, 5, 7)
    assert series.unit == "1"
    np.testing.assert_allclose(series.energies_ev, ENERGIES_EV, rtol=1e-12)
    np.testing.assert_allclose(depth_in(series), DEPTH, rtol=1e-5, atol=1e-6)
    assert sum("overlap along the beam" in note for note in series.notes) == 1


@pytest.mark.parametrize("shape", [(6, 1, 5, 7), (1, 6, 5, 7), (6, 5, 7, 1), (1, 6, 1, 5, 7)])
def test_an_extra_axis_of_length_one_is_ignored(shape, tmp_path):
    images = np.exp(-DEPTH).reshape(shape)
    np.testing.assert_allclose(depth_in(open_image_stack(fxi(tmp_path / "a.h5", images))), DEPTH, rtol=1e-5, atol=1e-6)


def test_background_frames_of_fxi_are_not_divided_a_second_time(tmp_path):
    with_flats = open_image_stack(fxi(tmp_path / "a.h5", img_bkg=FLATS, img_dark=DARK))
    np.testing.assert_allclose(depth_in(with_flats), DEPTH, rtol=1e-5, atol=1e-6)
    assert any("flat-corrected by FXI" in note for note in with_flats.notes)
    assert with_flats.pixel_size_nm == 20.3


@pytest.mark.parametrize(
    ("name", "scale", "told"), [("X_eng", 1.0, True), ("XEng", 1e-3, False), ("X_eng", 1e-3, False)]
)
def test_energies_are_told_from_their_size_and_sorted(name, scale, told, tmp_path):
    given = {"X_eng": None, name: scale * ENERGIES_EV[::-1]}
    series = open_image_stack(fxi(tmp_path / "a.h5", np.exp(-DEPTH[::-1]), **given))
    np.testing.assert_allclose(series.energies_ev, ENERGIES_EV, rtol=1e-12)
    np.testing.assert_allclose(depth_in(series), DEPTH, rtol=1e-5, atol=1e-6)
    assert any("taken as eV; keV is usual" in note for note in series.notes) == told


def test_pixels_without_a_transmission_have_no_value_and_their_neighbours_do(tmp_path):
    images = np.exp(-DEPTH)
    bad = {(0, 0, 0): 0.0, (1, 2, 3): -0.2, (2, 4, 6): np.nan, (3, 1, 1): np.inf}
    for where, value in bad.items():
        images[where] = value
    found = depth_in(open_image_stack(fxi(tmp_path / "a.h5", images)))
    expected = DEPTH.copy()
    expected[tuple(np.transpose(list(bad)))] = np.nan
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_flat_without_counts_leaves_its_pixel_without_a_value():
    image, flat = np.array([[50.0, 50.0, 0.0]]), np.array([[100.0, 0.0, 0.0]])
    np.testing.assert_allclose(optical_depth_of(image, flat), [[np.log(2), np.nan, np.nan]], rtol=1e-6)


@pytest.mark.parametrize(
    ("flats", "darks"),
    [
        (np.stack([FLATS - 30, FLATS + 30], axis=1), DARK.mean(axis=0)),
        (FLATS, np.broadcast_to(DARK.mean(axis=0), SHAPE)),
    ],
)
def test_flats_of_every_energy_may_be_several(flats, darks, tmp_path):
    series = open_image_stack(aps(tmp_path / "a.h5", data_white=flats, data_dark=darks))
    np.testing.assert_allclose(depth_in(series), DEPTH, rtol=1e-5, atol=1e-6)


def test_one_flat_for_all_energies_is_told(tmp_path):
    level = np.exp(-DEPTH) * FLAT[0]
    for flat in (FLAT[0], FLAT[:1]):
        series = open_image_stack(aps(tmp_path / "a.h5", data=level, data_white=flat, data_dark=None))
        np.testing.assert_allclose(depth_in(series), DEPTH, rtol=1e-5, atol=1e-6)
        assert any("One flat" in note for note in series.notes)
        assert any("no darks" in note for note in series.notes)


def test_the_incident_spectrum_of_mantis_stands_for_its_flats(tmp_path):
    spectrum = np.linspace(4000.0, 5000.0, SHAPE[0])
    counts = np.exp(-DEPTH) * spectrum[:, None, None]
    path = mantis(tmp_path / "a.h5", data=counts.T, white_data=None, dark_data=None)
    with h5py.File(path, "r+") as file:
        file["spectromicroscopy/normalization/white_spectrum"] = spectrum
    np.testing.assert_allclose(depth_in(open_image_stack(path)), DEPTH, rtol=1e-5, atol=1e-6)


def test_the_step_of_positions_is_the_pixel_size(tmp_path):
    path = mantis(tmp_path / "a.h5", x=np.arange(7) * 0.03)
    with h5py.File(path, "r+") as file:
        file["exchange/x"].attrs["units"] = "um"
    assert open_image_stack(path).pixel_size_nm == pytest.approx(30.0)


def test_axes_of_one_length_are_told_by_their_names_or_refused(tmp_path):
    depth = np.random.default_rng(4).uniform(0.02, 2.0, (6, 5, 6))
    content = {"exchange/data": np.exp(-depth).T, "exchange/energy": ENERGIES_EV}
    with pytest.raises(DataError, match=r"a\.h5: dataset 'exchange/data' has shape \(6, 5, 6\) for 6 energies.*'axes'"):
        open_image_stack(write(tmp_path / "a.h5", content))
    for text in ("x:y:energy", "column,row,energy"):
        named = open_image_stack(write(tmp_path / "a.h5", content, data=text))
        np.testing.assert_allclose(depth_in(named), depth, rtol=1e-5, atol=1e-6)
    by_flats = open_image_stack(write(tmp_path / "b.h5", content | {"exchange/white_data": np.ones((6, 5, 6))}))
    np.testing.assert_allclose(depth_in(by_flats), depth, rtol=1e-5, atol=1e-6)


REFUSED = {
    "two positions": (
        fxi,
        {"img_xanes": np.ones((6, 2, 5, 7))},
        r"\(6, 2, 5, 7\); \(energy, row, column\) is expected",
    ),
    "one image": (fxi, {"img_xanes": np.ones((5, 7))}, r"\(5, 7\); \(energy, row, column\) is expected"),
    "text": (fxi, {"img_xanes": np.full(SHAPE, b"a")}, "not counts"),
    "stopped early": (fxi, {"img_xanes": np.ones((4, 5, 7))}, "holds 4 images, and 6 energies are listed"),
    "no energies": (fxi, {"X_eng": None}, "dataset 'X_eng' is missing"),
    "wrong unit": (fxi, {"X_eng": np.full(6, 71.12)}, "is 71.12; a photon energy of 2 to 30 keV"),
    "same energy": (fxi, {"X_eng": np.full(6, 7.112)}, "7112.00 eV twice"),
    "raw counts": (fxi, {"img_xanes": COUNTS}, "no flats and a median of .*flat-corrected images"),
    "optical depth already": (fxi, {"img_xanes": DEPTH - np.median(DEPTH)}, "% of the pixels above zero"),
    "nothing": (fxi, {"img_xanes": np.full(SHAPE, np.nan)}, "median of nan"),
    "no flats": (aps, {"data_white": None}, "no flats and a median of"),
    "odd flats": (
        aps,
        {"data_white": FLATS[:, :4]},
        r"'exchange/data_white' has shape \(6, 4, 7\), which does not fit",
    ),
    "flats of some energies": (aps, {"data_white": FLATS[:3]}, r"\(3, 5, 7\), which does not fit"),
    "odd darks": (mantis, {"dark_data": DARK}, r"'exchange/dark_data' has shape \(4, 5, 7\), which does not fit"),
    "other energies": (mantis, {"energy": ENERGIES_EV[:4]}, r"has shape \(7, 5, 6\) for 4 energies"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_stack_is_refused_in_a_sentence(case, tmp_path):
    writer, changed, words = REFUSED[case]
    images = {"images": changed["img_xanes"]} if "img_xanes" in changed else {}
    rest = {name: value for name, value in changed.items() if name != "img_xanes"}
    path = writer(tmp_path / "a.h5", **images, **rest)
    with pytest.raises(DataError, match=words) as refused:
        open_image_stack(path)
    assert "\n" not in str(refused.value)
    assert "a.h5" in str(refused.value)


def test_energies_given_take_the_place_of_those_of_the_file(tmp_path):
    path = fxi(tmp_path / "a.h5", X_eng=None)
    series = open_image_stack(path, overrides=check_overrides(energies_ev=ENERGIES_EV + 3, pixel_size_nm=31.0))
    np.testing.assert_array_equal(series.energies_ev, ENERGIES_EV + 3)
    assert series.pixel_size_nm == 31.0
    with pytest.raises(DataError, match="holds 6 images, and 5 energies"):
        open_image_stack(path, overrides=check_overrides(energies_ev=ENERGIES_EV[:5]))


def test_several_stacks_are_not_put_together_in_silence(tmp_path):
    fxi(tmp_path / "xanes_scan2_id_1.h5")
    fxi(tmp_path / "xanes_scan2_id_2.h5")
    with pytest.raises(DataError, match=r"holds 2 2-D XANES stacks\. Give the file of one of them"):
        open_volumes(tmp_path)
    assert open_volumes(tmp_path / "xanes_scan2_id_2.h5").shape == (6, 1, 5, 7)


def test_a_stack_that_changed_after_it_was_opened_is_refused(tmp_path):
    path = fxi(tmp_path / "a.h5")
    series = open_image_stack(path)
    fxi(path, np.ones((6, 5, 8)))
    with pytest.raises(DataError, match="changed since it was opened"):
        series.read_slices(0, 1)
