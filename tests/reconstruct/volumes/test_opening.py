"""Reconstructed volumes of other programs: opened lazily, in order of energy, or refused."""

import h5py
import numpy as np
import pytest
import tifffile

from xanesmap.errors import DataError
from xanesmap.reconstruct.volumes.opening import REGISTERED, REGISTERED_ENERGIES, open_volumes

ENERGIES = np.array([7100.0, 7112.0, 7130.0])
MU = np.random.default_rng(0).random((3, 4, 5, 6), dtype=np.float32)


def write_sandbox(path, energies=ENERGIES, mu=MU):
    with h5py.File(path, "w") as file:
        file[REGISTERED] = mu
        file[REGISTERED_ENERGIES] = energies
    return path


def write_pyxas(folder):
    # The scan numbers do not follow the energies.
    for number, i in ((98, 2), (99, 0), (100, 1)):
        with h5py.File(folder / f"recon_scan_{number}.h5", "w") as file:
            file["img"] = MU[i]
            file["X_eng"] = ENERGIES[i] / 1000
            file["scan_id"] = number
    return folder


def write_tiff_files(folder):
    for i, energy in enumerate(ENERGIES):
        tifffile.imwrite(folder / f"{energy:g}.tif", MU[i], photometric="minisblack")
    lines = [f"{energy:g}.tif,{energy!r},32.5" for energy in ENERGIES.tolist()]
    (folder / "energies.csv").write_text("\n".join(["name,energy_ev,pixel_size_nm", *lines]))
    return folder


def write_tiff_folders(folder):
    for i, energy in enumerate(ENERGIES):
        (folder / f"{energy:g}").mkdir()
        for z in range(4):
            tifffile.imwrite(folder / f"{energy:g}" / f"recon_{z + 8}.tiff", MU[i, z])
    lines = [f"{energy:g},{energy!r}" for energy in ENERGIES.tolist()]
    (folder / "energies.csv").write_text("\n".join(["name,energy_ev", *lines]))
    return folder


@pytest.mark.parametrize(
    ("write", "pixel_size_nm"),
    [
        (lambda folder: write_sandbox(folder / "a.h5"), None),
        (lambda folder: write_sandbox(folder / "a.h5", energies=ENERGIES / 1000), None),
        (write_pyxas, None),
        (lambda folder: f"{write_pyxas(folder)}/recon_scan_*.h5", None),
        (write_tiff_files, 32.5),
        (write_tiff_folders, None),
    ],
)
def test_slices_are_those_written_at_every_energy(tmp_path, write, pixel_size_nm):
    series = open_volumes(write(tmp_path))
    np.testing.assert_allclose(series.energies_ev, ENERGIES)
    assert series.shape == MU.shape
    assert series.pixel_size_nm == pixel_size_nm
    assert bool(series.notes) == (pixel_size_nm is None)
    np.testing.assert_array_equal(series.read_slices(1, 3), MU[:, 1:3])
    assert series.read_slices(0, 4).dtype == np.float32
    for start, stop in ((-1, 2), (2, 2), (3, 5)):
        with pytest.raises(DataError, match=rf"slices {start} to {stop} asked of a volume with slices 0 to 4"):
            series.read_slices(start, stop)


@pytest.mark.parametrize(
    "write",
    [lambda folder: write_sandbox(folder / "a.h5", energies=[1.0, 2.0, 3.0]), write_pyxas, write_tiff_files],
)
def test_given_energies_and_voxel_size_take_the_place_of_those_of_the_files(tmp_path, write):
    recorded = write(tmp_path)
    series = open_volumes(recorded, energies_ev=[7200.0, 7100.0, 7150.0], pixel_size_nm=20.3)
    np.testing.assert_array_equal(series.energies_ev, [7100.0, 7150.0, 7200.0])
    assert series.pixel_size_nm == 20.3
    assert series.notes == ("The energies were given by the user.", "The pixel size, 20.3 nm, was given by the user.")
    # pyxas files come in the order of their numbers: 98 holds the third volume, 99 the first, 100 the second
    in_files = MU[[2, 0, 1]] if write is write_pyxas else MU
    np.testing.assert_array_equal(series.read_slices(0, 4), in_files[[1, 2, 0]])
    with pytest.raises(DataError, match=r"energies_ev gives 2 energies for 3 volumes"):
        open_volumes(recorded, energies_ev=[7100.0, 7200.0])
    with pytest.raises(DataError, match=r"found 7100\.00 eV twice"):
        open_volumes(recorded, energies_ev=[7100.0, 7100.0, 7200.0])


def test_the_unit_is_what_all_files_state_alike(tmp_path):
    folder = write_pyxas(tmp_path)
    assert open_volumes(folder).unit is None
    for number, unit in ((98, "cm^-1"), (99, "cm^-1"), (100, "cm^-1")):
        with h5py.File(folder / f"recon_scan_{number}.h5", "a") as file:
            file["img"].attrs["units"] = unit
    assert open_volumes(folder).unit == "1/cm"
    with h5py.File(folder / "recon_scan_98.h5", "a") as file:
        file["img"].attrs["units"] = "um^-1"
    assert open_volumes(folder).unit is None


def test_a_folder_of_slices_is_identified_by_its_first_and_last_file(tmp_path):
    volume = open_volumes(write_tiff_folders(tmp_path)).volumes[0]
    assert [path.name for path in volume.files] == ["recon_8.tiff", "recon_11.tiff"]


def one_energy(folder):
    write_pyxas(folder)
    return folder / "recon_scan_98.h5"


def unlike_shapes(folder):
    with h5py.File(write_pyxas(folder) / "recon_scan_98.h5", "a") as file:
        del file["img"]
        file["img"] = MU[0, :2]
    return folder


def same_energy(folder):
    with h5py.File(write_pyxas(folder) / "recon_scan_98.h5", "a") as file:
        file["X_eng"][()] = 7.112
    return folder


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda folder: [], "The list of files: no reconstructed volumes are found"),
        (lambda folder: folder, "no reconstructed volumes are found"),
        (lambda folder: write_sandbox(folder / "a.h5", energies=ENERGIES[:2]), r"has 3 energies, and .* lists 2"),
        (lambda folder: write_sandbox(folder / "a.h5", energies=ENERGIES / 100), "photon energy of 2 to 30 keV"),
        (lambda folder: write_sandbox(folder / "a.h5", mu=MU[0]), r"has shape \(4, 5, 6\) of float32; .* \(energy, z"),
        (one_energy, r"recon_scan_98\.h5: volumes at two or more different energies are needed; found 1 energy"),
        (unlike_shapes, r"its volume is \(4, 5, 6\), that of recon_scan_98\.h5 \(2, 5, 6\)"),
        (same_energy, r"found 7112\.00 eV twice"),
    ],
)
def test_what_does_not_make_a_series_is_refused(tmp_path, write, words):
    with pytest.raises(DataError, match=words):
        open_volumes(write(tmp_path))


def test_a_volume_that_changes_after_it_was_opened_is_told(tmp_path):
    series = open_volumes(write_pyxas(tmp_path))
    unlike_shapes(tmp_path)
    with pytest.raises(DataError, match=r"recon_scan_98\.h5: dataset 'img' changed since it was opened"):
        series.read_slices(0, 4)


def test_values_that_no_volume_holds_are_infinite(tmp_path):
    folder = write_pyxas(tmp_path)
    with h5py.File(folder / "recon_scan_98.h5", "a") as file:
        shape = file["img"].shape
        del file["img"]
        file["img"] = np.full(shape, -1e300)
    values = open_volumes(folder).read_slices(0, 1)
    assert np.isneginf(values).sum() == values[0].size


def test_files_without_a_volume_are_left_out_with_a_note_and_refused_where_they_are_named(tmp_path):
    folder = write_pyxas(tmp_path)
    with h5py.File(folder / "recon_scan_97.h5", "w") as file:
        file["img"] = MU[0]
    opened = open_volumes(folder)
    assert opened.shape[0] == 3
    assert "1 HDF5 files hold no volumes and were left out: recon_scan_97.h5." in opened.notes
    with pytest.raises(DataError, match=r"recon_scan_97\.h5: holds no volume as pyxas writes it"):
        open_volumes(sorted(folder.glob("*.h5")))
