"""Scans of Xradia files: one .txrm per energy, or folders of single frames with energies in their names."""

import importlib.util
import struct
from pathlib import Path

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.xrm_scan import open_xrm_files
from xanesmap.reconstruct.readers import open_scan

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
SHAPE = (48, 50)
N_ANGLES = 9
ANGLES = np.linspace(-60, 60, N_ANGLES)
ENERGIES = (7100.0, 7112.0, 7130.0)


def counts(seed, n=N_ANGLES, low=500):
    return np.random.default_rng(seed).integers(low, low + 100, (n, *SHAPE), dtype=np.uint16)


@pytest.fixture
def txrm_folder(tmp_path, write_xrm):
    """One .txrm per energy, the flat inside."""
    folder = tmp_path / "txrm"
    folder.mkdir()
    for i, energy in enumerate(ENERGIES):
        write_xrm(
            folder / f"tomo_{i}.txrm", counts(i), energies=(energy,), angles=ANGLES, reference=counts(99, 1)[0] * 2
        )
    return folder


@pytest.fixture
def frame_folder(tmp_path, write_xrm):
    """Single frames as SSRL 6-2c writes them; their own angles and energies were left at one value."""
    folder = tmp_path / "ssrl"
    folder.mkdir()
    names = []
    for energy in ENERGIES:
        for i, angle in enumerate(ANGLES):
            names.append(f"tomo_Fe_{angle:+07.2f}_{energy:08.2f}_eV_001of001.xrm")
            write_xrm(folder / names[-1], counts(int(energy) + i, 1), energies=(8333.0,), angles=(0.0,))
        for i in range(3):
            names.append(f"ref_Fe_{energy:08.2f}_eV_{i + 1:03}of003.xrm")
            write_xrm(folder / names[-1], counts(int(energy) + 50 + i, 1, low=1500), energies=(8333.0,))
    lines = ["VERSION 1", "ENERGY 2", "TOMO 1", "MOSAIC 0", "REFNEXPOSURES 3", "FILES", *names]
    (folder / "ScanInfo_Fe.txt").write_text("\n".join(lines))
    return folder


def test_a_folder_of_txrm_files_is_a_scan(txrm_folder):
    scan = open_scan(txrm_folder)
    np.testing.assert_allclose(scan.energies_ev, ENERGIES)
    assert scan.pixel_size_nm == pytest.approx(32.5)
    for i, tomogram in enumerate(scan.tomograms):
        np.testing.assert_allclose(np.rad2deg(tomogram.angles_rad), ANGLES, atol=1e-4)
        frames = tomogram.read_rows(10, 14)
        np.testing.assert_array_equal(frames.projections, counts(i)[:, 10:14])
        np.testing.assert_array_equal(frames.flats, counts(99, 1)[:, 10:14] * 2)
        np.testing.assert_array_equal(frames.darks, np.zeros((1, 4, 50)))
    assert scan.notes == ("No darks were recorded (zeros are used in their place). (3 of 3 files)",)


def test_single_frames_are_grouped_by_the_energy_in_their_names(frame_folder):
    scan = open_scan(frame_folder)
    np.testing.assert_array_equal(scan.energies_ev, ENERGIES)
    for energy, tomogram in zip(ENERGIES, scan.tomograms, strict=True):
        # Frames are taken in the order of their names; each keeps its own angle.
        order = np.argsort(tomogram.angles_rad)
        np.testing.assert_allclose(np.rad2deg(tomogram.angles_rad)[order], ANGLES, atol=0.01)
        expected = np.concatenate([counts(int(energy) + i, 1) for i in range(N_ANGLES)])
        np.testing.assert_array_equal(tomogram.read_rows(0, 48).projections[order], expected)
        flats = np.concatenate([counts(int(energy) + 50 + i, 1, low=1500) for i in range(3)])
        np.testing.assert_array_equal(tomogram.read_references()[0], flats)
        np.testing.assert_array_equal(tomogram.read_projection(int(order[2])), expected[2])
    told = " ".join(scan.notes)
    assert "The angles are those in the file names" in told
    assert "Energies are those in the file names; the files record others" in told


def test_frames_that_the_scan_lists_and_the_folder_lacks_are_told(frame_folder):
    (frame_folder / "tomo_Fe_-060.00_07112.00_eV_001of001.xrm").unlink()
    scan = open_scan(frame_folder)
    assert scan.tomograms[1].angles_rad.size == N_ANGLES - 1
    assert "ScanInfo_Fe.txt lists 36 frames, and 1 of them are not here (tomo_Fe_-060.00_07112" in " ".join(scan.notes)


def test_a_mosaic_is_refused(frame_folder):
    info = frame_folder / "ScanInfo_Fe.txt"
    info.write_text(info.read_text().replace("MOSAIC 0", "MOSAIC 3"))
    with pytest.raises(DataError, match=r"ScanInfo_Fe\.txt: the scan is a mosaic \(MOSAIC 3\)"):
        open_scan(frame_folder)


def test_frames_without_names_are_grouped_by_what_they_record(tmp_path, write_xrm):
    rng = np.random.default_rng(5)
    for i in range(3 * N_ANGLES):
        # The encoder of the monochromator reads a little different at every frame.
        energy = ENERGIES[i // N_ANGLES] + rng.uniform(-0.03, 0.03)
        write_xrm(tmp_path / f"frame_{i}.xrm", counts(i, 1), energies=(energy,), angles=(ANGLES[i % N_ANGLES],))
    scan = open_scan(f"{tmp_path}/frame_*.xrm")
    np.testing.assert_allclose(scan.energies_ev, ENERGIES, atol=0.03)
    assert [tomogram.angles_rad.size for tomogram in scan.tomograms] == [N_ANGLES] * 3
    np.testing.assert_array_equal(scan.tomograms[1].read_projection(3), counts(N_ANGLES + 3, 1)[0])


def test_one_file_may_hold_several_energies(tmp_path, write_xrm):
    path = write_xrm(
        tmp_path / "a.txrm", counts(0, 18), energies=[7100.0] * 9 + [7130.0] * 9, angles=[*ANGLES, *ANGLES]
    )
    scan = open_scan(path)
    np.testing.assert_allclose(scan.energies_ev, (7100.0, 7130.0))
    np.testing.assert_array_equal(scan.tomograms[1].read_rows(0, 48).projections, counts(0, 18)[9:])


def test_flats_of_another_exposure_are_scaled_and_told(tmp_path, write_xrm):
    long = {"ReferenceData/ExpTime": struct.pack("<f", 4.0)}
    flat = counts(1, 1)[0]
    path = write_xrm(tmp_path / "a.txrm", counts(0), angles=ANGLES, reference=flat, extra=long)
    (tomogram,) = open_xrm_files([path])
    np.testing.assert_allclose(tomogram.read_references()[0][0], flat / 4.0)
    assert "Flats were exposed 4 s, projections 1 s; the flats are scaled to match." in tomogram.notes


def test_images_divided_by_the_reference_have_ones_for_flats(tmp_path, write_xrm):
    done = {"ImageInfo/OriginalDataRefCorrected": struct.pack("<i", 1)}
    images = counts(0).astype(np.float32) / 1000
    path = write_xrm(tmp_path / "a.txrm", images, angles=ANGLES, reference=images[0], extra=done)
    (tomogram,) = open_xrm_files([path])
    assert tomogram.n_flats == 1
    np.testing.assert_array_equal(tomogram.read_references()[0], np.ones((1, *SHAPE)))


def test_darks_serve_every_energy(txrm_folder, write_xrm):
    write_xrm(txrm_folder / "dark_1.xrm", counts(7, 1), energies=())
    scan = open_scan(txrm_folder)
    for tomogram in scan.tomograms:
        np.testing.assert_array_equal(tomogram.read_references()[1], counts(7, 1))
    assert scan.notes == ()


def test_few_projections_open_and_are_told(tmp_path, write_xrm):
    (tomogram,) = open_xrm_files([write_xrm(tmp_path / "a.txrm", counts(0, 7), angles=np.arange(-45, 46, 15))])
    assert "Projections: 7, too few for a slice of use; 8 are the least." in tomogram.notes


def test_what_does_not_make_a_scan_is_refused(tmp_path, txrm_folder, write_xrm):
    write_xrm(tmp_path / "odd.txrm", counts(0), energies=(), angles=ANGLES)
    with pytest.raises(
        DataError, match=r"odd\.txrm: neither 'ImageInfo/Energy' nor the file name says the photon energy"
    ):
        open_scan([*sorted(txrm_folder.iterdir()), tmp_path / "odd.txrm"])
    write_xrm(tmp_path / "bare.txrm", counts(0), angles=())
    with pytest.raises(
        DataError, match=r"bare\.txrm: neither 'ImageInfo/Angles' nor the file name .* \(9 such images\)"
    ):
        open_xrm_files([tmp_path / "bare.txrm"])
    write_xrm(tmp_path / "ref_1.xrm", counts(0, 1), energies=(7150.0,))
    with pytest.raises(DataError, match=r"ref_1\.xrm: only reference frames are found at 7150\.00 eV"):
        open_xrm_files([tmp_path / "ref_1.xrm"])
    small = write_xrm(tmp_path / "ref_small.xrm", np.ones((1, 64, 64), np.uint16), energies=(7100.0,))
    with pytest.raises(DataError, match=r"ref_small\.xrm: its image has 64 x 64 pixels, that of tomo_0\.txrm 48 x 50"):
        open_xrm_files([txrm_folder / "tomo_0.txrm", small])
    (tomogram, *_) = open_xrm_files([txrm_folder / "tomo_0.txrm"])
    with pytest.raises(DataError, match=r"tomo_0\.txrm: rows 40 to 49 asked of a detector with rows 0 to 48"):
        tomogram.read_rows(40, 49)
    with pytest.raises(DataError, match="projection 9 asked of 9"):
        tomogram.read_projection(9)


@pytest.mark.parametrize("fragment_seed", [None, 3])
def test_damaged_files_are_read_or_refused(tmp_path, write_xrm, fragment_seed):
    place = BENCHMARKS / "file_mutations.py"
    spec = importlib.util.spec_from_file_location("file_mutations", place)
    mutations = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mutations)
    path = write_xrm(
        tmp_path / "a.txrm", counts(0), angles=ANGLES, reference=counts(1, 1)[0], fragment_seed=fragment_seed
    )

    def read(damaged):
        for tomogram in open_xrm_files([damaged]):
            tomogram.read_rows(0, tomogram.n_rows)

    found = mutations.try_damaged(path.read_bytes(), path, read, n=150)
    assert [key for key in found if key.startswith("crashed")] == []
    assert found["slow"] == 0
    assert found["peak MB"] <= 500
    assert found["refused"] > 0
    assert found["read"] > 0
