"""Scans of TIFF files: the documented layouts, what is written comes back, and what is refused."""

import numpy as np
import pytest
import tifffile

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.tiff_scan import open_tiff_scan
from xanesmap.reconstruct.overrides import Overrides
from xanesmap.reconstruct.readers import open_scan

ENERGIES = (7100.0, 7112.0, 7130.5)
ANGLES = np.linspace(0.0, 180.0, 11)
SHAPE = (6, 8)


def counts(seed, n, low):
    return np.random.default_rng(seed).integers(low, low + 100, (n, *SHAPE), dtype=np.uint16)


def test_a_folder_with_a_table_of_energies_opens_as_a_scan(folders):
    scan = open_scan(folders)
    np.testing.assert_array_equal(scan.energies_ev, ENERGIES)
    assert scan.notes == ("No 'pixel_size_nm' is recorded in 'energies.csv'. (3 of 3 files)",)
    stated = open_scan(folders, pixel_size_nm=40.0, angles_deg=ANGLES + 1.0)
    assert stated.pixel_size_nm == 40.0
    np.testing.assert_allclose(np.rad2deg(stated.tomograms[1].angles_rad), ANGLES + 1.0)


def assert_is(tomogram, i, *, flats=3, darks=2):
    assert tomogram.energy_ev == ENERGIES[i]
    np.testing.assert_allclose(np.rad2deg(tomogram.angles_rad), ANGLES)
    frames = tomogram.read_rows(2, 5)
    np.testing.assert_array_equal(frames.projections, counts(i, 11, 500)[:, 2:5])
    np.testing.assert_array_equal(frames.flats, counts(10 + i, flats, 900)[:, 2:5])
    np.testing.assert_array_equal(frames.darks, counts(20 + i, darks, 90)[:, 2:5])
    np.testing.assert_array_equal(tomogram.read_projection(7), counts(i, 11, 500)[7])


def write_table(folder, *, title="energy_ev", names, scale=1.0):
    lines = [f"{name}, {energy * scale!r}" for name, energy in zip(names, ENERGIES, strict=True)]
    (folder / "energies.csv").write_text("\n".join([f"name,{title}", *lines]))
    (folder / "angles.csv").write_text("angle_deg\n" + "\n".join(map(str, ANGLES)) + "\n")


@pytest.fixture
def folders(tmp_path):
    """One file per frame, projections numbered without leading zeros, flats and darks in folders."""
    for i, energy in enumerate(ENERGIES):
        for kind, frames in (
            ("", counts(i, 11, 500)),
            ("flats", counts(10 + i, 3, 900)),
            ("darks", counts(20 + i, 2, 90)),
        ):
            place = tmp_path / f"{energy:g}eV" / kind
            place.mkdir(parents=True, exist_ok=True)
            for number, frame in enumerate(frames, start=1):
                tifffile.imwrite(place / f"frame_{number}.tif", frame)
    write_table(tmp_path, names=[f"{energy:g}eV" for energy in ENERGIES])
    return tmp_path


def test_a_folder_of_single_frames_per_energy_is_read(folders):
    for i, tomogram in enumerate(open_tiff_scan(folders)):
        assert_is(tomogram, i)
        assert tomogram.notes == ("No 'pixel_size_nm' is recorded in 'energies.csv'.",)


def test_a_file_per_energy_is_read_with_the_flats_of_its_name(tmp_path):
    for i in range(3):
        for suffix, frames in (
            ("", counts(i, 11, 500)),
            ("_flat", counts(10 + i, 3, 900)),
            ("_dark", counts(20 + i, 2, 90)),
        ):
            tifffile.imwrite(tmp_path / f"e{i}{suffix}.tif", frames, photometric="minisblack")
    write_table(tmp_path, names=["e0.tif", "e1.tif", "e2.tif"], title="energy_kev", scale=1e-3)
    for i, tomogram in enumerate(open_tiff_scan(tmp_path)):
        assert_is(tomogram, i)


def test_flats_and_darks_beside_serve_every_energy(tmp_path):
    for i in range(3):
        tifffile.imwrite(tmp_path / f"e{i}.tif", counts(i, 11, 500), photometric="minisblack")
    (tmp_path / "flats").mkdir()
    for i, frame in enumerate(counts(10, 3, 900)):
        tifffile.imwrite(tmp_path / "flats" / f"{i}.tif", frame)
    write_table(tmp_path, names=["e0.tif", "e1.tif", "e2.tif"])
    for tomogram in open_tiff_scan(tmp_path):
        np.testing.assert_array_equal(tomogram.read_references()[0], counts(10, 3, 900))
        np.testing.assert_array_equal(tomogram.read_references()[1], np.zeros((1, *SHAPE)))
        assert "No darks were recorded (zeros are used in their place)." in tomogram.notes


def test_angles_that_the_user_gives_need_not_be_there(folders):
    (folders / "angles.csv").unlink()
    with pytest.raises(DataError, match=r"7100eV: its angles are neither in angles\.csv nor in .*angles\.csv"):
        open_tiff_scan(folders)
    given = open_tiff_scan(folders, overrides=Overrides(angles_deg=ANGLES))
    np.testing.assert_allclose(np.rad2deg(given[0].angles_rad), ANGLES)


def spoil_table(text):
    return lambda folder: (folder / "energies.csv").write_text(text)


def spoil_angles(text):
    return lambda folder: (folder / "angles.csv").write_text(text)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_table(""), r"energies\.csv: columns 'name' and 'energy_ev' .* found nothing"),
        (spoil_table("file,eV\na,7112"), r"columns 'name' and 'energy_ev' .* found ev, file"),
        (
            spoil_table("name,energy_ev\n7100eV"),
            r"energies\.csv: line 2 has another number of values than the 2 titles",
        ),
        (
            spoil_table("name,energy_ev\n7100eV,71.12"),
            r"the energy of '7100eV' is 71\.12; a photon energy of 2 to 30 keV",
        ),
        (spoil_table("name,energy_ev\n7100eV,7.112"), r"'7100eV' is 7\.112 in the column 'energy_ev'\. Correct"),
        (spoil_table("name,energy_kev\n7100eV,7112"), r"'7100eV' is 7112 in the column 'energy_kev'"),
        (spoil_table("name,energy_ev\nnone,7112"), r"names 'none', and there is no such file or folder"),
        (spoil_table("name,energy_ev\na\0b,7112"), r"names 'a\\x00b', and there is no such file or folder"),
        (spoil_table(f"name,energy_ev\n{'a' * 5000},7112"), "names 'aaa.*', and there is no such file or folder"),
        (spoil_table("name,energy_ev\n../scan,7112"), r"'\.\./scan' is outside the folder of the scan"),
        (spoil_table("name,energy_ev\n/etc,7112"), r"'/etc' is outside the folder of the scan"),
        (
            lambda folder: (folder / "energies.csv").write_bytes(b"\xff\xfe\x00"),
            r"energies\.csv: cannot be read as CSV",
        ),
        (spoil_angles(""), r"angles\.csv: a column titled 'angle_deg' is expected; found nothing"),
        (spoil_angles("theta\n1\n2"), "a column titled 'angle_deg' is expected; found theta"),
        (spoil_angles("angle_deg\n1\n2"), r"column 'angle_deg' \(for 7100eV\) has shape \(2,\) .* for 11 projections"),
        (spoil_angles("angle_deg\n" + "\n".join(map(str, np.deg2rad(ANGLES)))), "looks like radians"),
        (spoil_angles("angle_deg\n" + "\n".join(["a"] * 11)), "holds nan at index 0"),
        (
            lambda folder: (folder / "7112eV" / "frame_1.tif").write_text("tape"),
            r"frame_1\.tif: cannot be read as TIFF",
        ),
        (lambda folder: tifffile.imwrite(folder / "7112eV" / "flats" / "frame_1.tif", np.ones((3, 3))), "3 x 3 pixels"),
        (lambda folder: [p.unlink() for p in (folder / "7112eV").glob("*.tif")], r"7112eV: holds no TIFF file"),
    ],
)
def test_a_scan_that_does_not_fit_together_is_refused(folders, spoil, words):
    spoil(folders)
    with pytest.raises(DataError, match=words) as caught:
        open_tiff_scan(folders)
    assert "\n" not in str(caught.value)
