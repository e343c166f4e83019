"""Alignments kept on disk, and scans they do not belong to."""

import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError, MismatchError
from xanesmap.phasemap.alignment.choice import choose_alignment, is_still
from xanesmap.phasemap.alignment.job import align
from xanesmap.phasemap.alignment.reporting import read_report
from xanesmap.phasemap.alignment.store import displacement_in, read_alignment, stored_alignment
from xanesmap.phasemap.config import make_config
from xanesmap.phasemap.mapping.preparation import load_references
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.progress import no_progress
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.reconstruct.readers import open_scan

MOVING = {"jitter_px": 1.0, "drift_px": 2.0}


@pytest.fixture(scope="module")
def moving(tmp_path_factory, small_settings):
    """A small scan whose frames are displaced."""
    return simulate_scan(tmp_path_factory.mktemp("moving") / "scan", seed=2, disturbances=MOVING, **small_settings)


@pytest.fixture(scope="module")
def outcome(moving, tmp_path_factory):
    """Its alignment on disk."""
    out = tmp_path_factory.mktemp("aligned") / "a.zarr"
    return align(make_config({"scan": str(moving.folder), "out": str(out)}))


def chosen(folder, **settings):
    config = make_config({"scan": str(folder), "align": settings})
    return choose_alignment(open_scan(folder), load_references(config), config, progress=no_progress)


def test_an_alignment_is_read_as_it_was_written(outcome, moving):
    kept = read_alignment(outcome.path, open_scan(moving.folder))
    assert kept.notes == ()
    for name in outcome.alignment.__slots__:
        np.testing.assert_array_equal(getattr(kept.alignment, name), getattr(outcome.alignment, name), err_msg=name)


def test_its_report_is_read_as_it_was_written(outcome):
    report = read_report(outcome.path)
    assert report.correlation.resolution_um == outcome.report.correlation.resolution_um
    assert report.sharpness_gain == pytest.approx(outcome.report.sharpness_gain)
    np.testing.assert_allclose(report.slice_after, outcome.report.slice_after)
    for one, other in zip(report.shift_px, outcome.report.shift_px, strict=True):
        np.testing.assert_allclose(one, other)
    assert report.rms_shift_px == pytest.approx(outcome.report.rms_shift_px)


def test_a_run_with_a_kept_alignment_is_that_which_aligns_itself(outcome, moving, tmp_path):
    itself = map_phases(moving.folder, out=tmp_path / "a.zarr", keep_mu=False)
    again = map_phases(moving.folder, out=tmp_path / "b.zarr", keep_mu=False, align={"file": str(outcome.path)})
    from_result = map_phases(
        moving.folder, out=tmp_path / "c.zarr", keep_mu=False, align={"file": str(tmp_path / "a.zarr")}
    )
    for other in (again, from_result):
        np.testing.assert_array_equal(itself.mask, other.mask)
        np.testing.assert_allclose(itself.fraction, other.fraction, atol=1e-4)
    assert itself.attributes["alignment"]["frames"] == 320


def test_an_alignment_is_no_phase_map(outcome):
    with pytest.raises(DataError, match="is an alignment, not a phase map"):
        open_result(outcome.path)


def test_other_files_are_taken_where_their_frames_move_alike(outcome, moving, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(moving.folder, copy)
    with h5py.File(next(iter(sorted(copy.glob("*.h5")))), "a") as file:
        file.attrs["remark"] = "the same frames, another checksum"
    kept = read_alignment(outcome.path, open_scan(copy))
    assert "made from other files" in kept.notes[0]


def test_an_alignment_of_another_scan_is_refused(outcome, small_settings, tmp_path):
    other = simulate_scan(tmp_path / "other", seed=3, disturbances=MOVING, **small_settings)
    with pytest.raises(DataError, match=r"does not describe how the frames of .* move"):
        read_alignment(outcome.path, open_scan(other.folder))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"n_rows": 26}, r"24 x 40 pixels, but the scan has 26 x 40"),
        ({"n_angles": 41}, r"40 angles at 7092.00 eV"),
        ({"energies_ev": (7092.0, 7110.0, 7119.0, 7124.5, 7129.0, 7133.5, 7143.0)}, "8 energies, but the scan has 7"),
        (
            {"energies_ev": (7092.0, 7110.0, 7119.0, 7126.5, 7129.0, 7133.5, 7143.0, 7180.0)},
            r"7124.50 eV, but the scan has 7126.50",
        ),
    ],
)
def test_an_alignment_of_other_frames_is_refused(change, told, outcome, small_settings, tmp_path):
    other = simulate_scan(tmp_path / "other", seed=2, **{**small_settings, **change})
    with pytest.raises(DataError, match=told):
        read_alignment(outcome.path, open_scan(other.folder))


def test_what_is_no_alignment_is_refused(small_scan, small_result, tmp_path):
    scan = open_scan(small_scan.folder)
    for path in (tmp_path / "missing.zarr", tmp_path, small_result.path):
        with pytest.raises(DataError, match="given as alignment, but holds none"):
            read_alignment(path, scan)


def test_a_damaged_alignment_is_told(outcome, moving, tmp_path):
    damaged = tmp_path / "d.zarr"
    shutil.copytree(outcome.path, damaged)
    shutil.rmtree(damaged / "alignment" / "kept")
    with pytest.raises(DataError, match="is damaged"):
        read_alignment(damaged, open_scan(moving.folder))


# --- which alignment a run takes -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def still(small_scan):
    """The alignment of a scan at rest, when asked for."""
    return chosen(small_scan.folder, method="projection-matching").alignment


def test_a_scan_at_rest_is_left_as_it_is(small_scan, still):
    choice = chosen(small_scan.folder)
    assert choice.alignment is None
    assert "at rest" in choice.notes[0]
    assert is_still(still)


def test_noise_of_the_magnification_is_no_motion_but_a_trend_is(still):
    n_energies, half = len(still.magnification), still.pattern.shape[-1] / 2
    odd, trend = np.zeros(n_energies), np.linspace(-1, 1, n_energies)
    odd[n_energies // 2] = 0.2
    assert is_still(replace(still, magnification=1 + odd / half))
    assert not is_still(replace(still, magnification=1 + 5 * odd / half))
    assert not is_still(replace(still, magnification=1 + 0.2 * trend / half))


def test_a_scan_that_moves_is_aligned(moving):
    choice = chosen(moving.folder)
    assert choice.alignment is not None
    assert choice.alignment.kept.mean() > 0.9


@pytest.mark.parametrize("disturbance", [{"fixed_pattern_relative": 0.01}, {"lamp_flicker_relative": 0.02}])
def test_pattern_and_lamp_are_reason_enough_to_align(disturbance, small_settings, tmp_path):
    scan = simulate_scan(tmp_path / "scan", seed=1, disturbances=disturbance, **small_settings)
    assert chosen(scan.folder).alignment is not None


def test_nothing_is_aligned_against_the_will_of_the_user(moving):
    assert chosen(moving.folder, method="none").alignment is None
    config = make_config({"scan": str(moving.folder), "reconstruct": {"centre_px": 19.5}})
    choice = choose_alignment(open_scan(moving.folder), load_references(config), config, progress=no_progress)
    assert choice.alignment is None


def test_frames_of_air_are_mapped_as_recorded_and_refused_where_alignment_is_asked_for(small_scan, tmp_path):
    air = tmp_path / "air"
    shutil.copytree(small_scan.folder, air)
    rng = np.random.default_rng(0)
    for path in sorted(air.glob("*.h5")):
        with h5py.File(path, "a") as file:
            light = np.asarray(file["img_bkg"]).reshape(-1, *file["img_tomo"].shape[1:]).mean(axis=0)
            file["img_tomo"][:] = rng.poisson(light, file["img_tomo"].shape)
    choice = chosen(air)
    assert choice.alignment is None
    assert "could not be aligned: Nothing stands out of the noise" in choice.notes[0]
    with pytest.raises(DataError, match="Nothing stands out of the noise"):
        chosen(air, method="projection-matching")


def test_a_file_of_another_object_is_named(small_scan, small_settings, tmp_path):
    other = simulate_scan(tmp_path / "other", seed=9, **small_settings)
    mixed = tmp_path / "mixed"
    shutil.copytree(small_scan.folder, mixed)
    shutil.copy(other.files[5], mixed / small_scan.files[5].name)
    with pytest.raises(MismatchError, match=small_scan.files[5].name):
        chosen(mixed)


def test_a_stored_alignment_tells_the_angles_and_energies_it_is_of(outcome, moving, small_result):
    scan = open_scan(moving.folder)
    stored = stored_alignment(outcome.path)
    np.testing.assert_array_equal(stored.energies_ev, scan.energies_ev)
    np.testing.assert_allclose(stored.angles_rad, [tomogram.angles_rad for tomogram in scan.tomograms])
    np.testing.assert_array_equal(stored.alignment.displacement_px, displacement_in(outcome.path))
    assert stored_alignment(small_result.path / "fraction") is None
