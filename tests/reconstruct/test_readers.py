import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.fxi import write_fxi
from xanesmap.reconstruct.readers import open_scan

N_ANGLES = 9


def write_energy(path, energy_ev, frame=(3, 4)):
    rng = np.random.default_rng(int(energy_ev))
    write_fxi(
        path,
        projections=rng.poisson(1000, (N_ANGLES, *frame)).astype(np.uint16),
        flats=rng.poisson(2000, (3, *frame)).astype(np.uint16),
        darks=rng.poisson(100, (2, *frame)).astype(np.uint16),
        angles_deg=np.linspace(0, 180, N_ANGLES),
        energy_ev=energy_ev,
        pixel_size_nm=40.0,
        scan_id=1,
        scan_time=0.0,
    )
    return path


def write_scan(folder, energies_ev, first_id=9):
    folder.mkdir(exist_ok=True)
    return [write_energy(folder / f"fly_scan_id_{first_id + i}.h5", energy) for i, energy in enumerate(energies_ev)]


@pytest.fixture
def folder(tmp_path):
    write_scan(tmp_path / "scan", (7100.0, 7112.0, 7130.0))
    return tmp_path / "scan"


def other_hdf5(path):
    with h5py.File(path, "w") as file:
        file["img"] = np.zeros((3, 3, 3))
    return path


def test_a_folder_a_pattern_and_a_list_open_the_same_scan(folder):
    files = sorted(folder.iterdir())
    sources = [
        folder,
        str(folder),
        f"{folder}/fly_scan_id_*.h5",
        files,
        [str(f) for f in files],
        [folder, *files],
    ]
    for source in sources:
        scan = open_scan(source)
        np.testing.assert_array_equal(scan.energies_ev, [7100.0, 7112.0, 7130.0])
        # Number 9 comes before 10 and 11: files are taken by number, not by digit.
        assert [t.source.name for t in scan.tomograms] == [f"fly_scan_id_{i}.h5" for i in (9, 10, 11)]


def test_relative_paths_are_opened_and_read(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert open_scan("scan").tomograms[2].read_rows(1, 2).projections.shape == (N_ANGLES, 1, 4)
    monkeypatch.chdir(folder)
    assert open_scan("*.h5").n_columns == 4


def test_a_folder_name_with_pattern_characters_is_a_folder(tmp_path):
    write_scan(tmp_path / "scan[1]", (7100.0, 7112.0))
    assert len(open_scan(tmp_path / "scan[1]").tomograms) == 2


def test_other_files_in_a_folder_are_left_out_and_told(folder):
    other_hdf5(folder / "truth.h5")
    (folder / "notes.txt").write_text("beam was lost at 3 am")
    (folder / "._fly_scan_id_9.h5").write_bytes(b"what macOS leaves behind")
    scan = open_scan(folder)
    assert len(scan.tomograms) == 3
    assert scan.notes == ("1 HDF5 files are no tomography scans and were left out: truth.h5.",)


def test_a_file_named_by_the_user_is_never_left_out(folder, tmp_path):
    named = other_hdf5(tmp_path / "truth.h5")
    with pytest.raises(DataError, match=r"truth\.h5: not a tomography scan; the file holds img"):
        open_scan([folder, named])


def test_energies_out_of_order_are_sorted_on_request_only(tmp_path):
    write_scan(tmp_path / "scan", (7100.0, 7130.0, 7112.0))
    with pytest.raises(DataError, match=r"fly_scan_id_11\.h5: .*out of order.*--sort-energies"):
        open_scan(tmp_path / "scan")
    scan = open_scan(tmp_path / "scan", sort_energies=True)
    np.testing.assert_array_equal(scan.energies_ev, [7100.0, 7112.0, 7130.0])


def empty_folder(folder):
    for file in folder.iterdir():
        file.unlink()
    return folder


def folder_of_pictures(folder):
    empty_folder(folder)
    for i in range(3):
        (folder / f"{i}.tif").write_bytes(b"")
    (folder / "old").mkdir()
    return folder


def folder_of_other_hdf5(folder):
    other_hdf5(empty_folder(folder) / "volume.h5")
    return folder


def truncated(folder):
    path = folder / "fly_scan_id_10.h5"
    path.write_bytes(path.read_bytes()[:2000])
    return folder


def not_hdf5(folder):
    (folder / "fly_scan_id_10.h5").write_text("moved to tape")
    return folder


def without_angles(folder):
    with h5py.File(folder / "fly_scan_id_10.h5", "a") as file:
        del file["angle"]
    return folder


def another_frame_shape(folder):
    write_energy(folder / "fly_scan_id_12.h5", 7150.0, frame=(3, 5))
    return folder


def recorded_twice(folder):
    write_energy(folder / "fly_scan_id_12.h5", 7112.0)
    return folder


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: folder / "none", r"none: there is no such file or folder"),
        (lambda folder: folder / "none_*.h5", r"none_\*\.h5: no file matches this pattern"),
        (lambda folder: [], "list of scan files is empty"),
        (lambda folder: [folder / "none.h5"], r"none\.h5: there is no such file"),
        (empty_folder, "no scan files .* it holds nothing"),
        (folder_of_pictures, r"no scan files .* it holds 3 \.tif files, 1 folder"),
        (
            folder_of_other_hdf5,
            r"none of 1 files is a tomography scan; volume\.h5: .* the file holds img",
        ),
        (truncated, r"fly_scan_id_10\.h5: cannot be read as HDF5"),
        (not_hdf5, r"fly_scan_id_10\.h5: cannot be read as HDF5"),
        (without_angles, r"fly_scan_id_10\.h5: dataset 'angle' is missing"),
        (
            another_frame_shape,
            r"fly_scan_id_12\.h5: frames are 3 x 5 pixels, those of fly_scan_id_9\.h5 3 x 4",
        ),
        (recorded_twice, r"fly_scan_id_10\.h5 and .*fly_scan_id_12\.h5 are both recorded at 7112"),
    ],
)
def test_a_bad_source_is_refused_in_one_line(folder, spoil, words):
    with pytest.raises(DataError, match=words) as caught:
        open_scan(spoil(folder))
    assert "\n" not in str(caught.value)
