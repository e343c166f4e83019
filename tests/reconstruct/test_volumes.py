"""Reconstructed volumes of other programs: opened lazily, in order of energy, or refused."""

import h5py
import numpy as np
import pytest
import tifffile

from xanesmap.errors import DataError
from xanesmap.reconstruct.volumes import REGISTERED, REGISTERED_ENERGIES, open_volumes

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
