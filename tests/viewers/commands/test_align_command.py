"""Alignment through the command, as users meet it."""

import io
import shutil
import sys
from contextlib import redirect_stdout

import h5py
import numpy as np
import pytest

from xanesmap.phasemap.alignment.store import displacement_in
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.reconstruct.alignment.displacement import without_gauge
from xanesmap.viewers.command_line import main


@pytest.fixture(scope="module")
def moving(tmp_path_factory, small_settings):
    """A small scan whose frames are displaced."""
    folder = tmp_path_factory.mktemp("moving") / "scan"
    return simulate_scan(folder, seed=2, disturbances={"jitter_px": 1.0, "drift_px": 2.0}, **small_settings)


@pytest.fixture(scope="module")
def aligned(moving, tmp_path_factory):
    """Where the command has put the alignment of that scan, and what it printed."""
    out, printed = tmp_path_factory.mktemp("aligned") / "a.zarr", io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.setattr(sys, "argv", ["xanesmap", "align", str(moving.folder), "--out", str(out)])
        with pytest.raises(SystemExit, match="0"):
            main()
    return out, printed.getvalue()


def files_of(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_align_writes_alignment_and_picture_and_run_uses_it(command, moving, aligned, tmp_path):
    out, printed = aligned
    for words in ("Frames         320", "Displacement", "Rotation axis", "Magnification", "Resolution", "a.png"):
        assert words in printed
    assert out.with_suffix(".png").stat().st_size > 50_000
    truth = moving.truth
    angles = [np.deg2rad(truth.angles_deg)] * 8
    left = without_gauge(displacement_in(out) - truth.displacement_px, angles)
    # particles of three pixels, forty frames; unaligned it is 1.2 pixels
    assert np.sqrt(np.nanmean(left**2)) < 0.25

    mapped = command("run", moving.folder, "--alignment", out, "--out", tmp_path / "r.zarr", "--no-keep-mu")
    assert mapped.code == 0, mapped.err
    told = open_result(tmp_path / "r.zarr").attributes
    assert told["configuration"]["align"]["file"] == str(out)
    assert told["alignment"]["frames"] == 320
    drawn = command("figures", tmp_path / "r.zarr", "--out", tmp_path / "figures")
    assert drawn.code == 0, drawn.err
    assert (tmp_path / "figures" / "alignment.png").is_file()


def test_a_configuration_file_serves_both_commands(command, moving, tmp_path):
    (tmp_path / "job.toml").write_text(f'scan = "{moving.folder}"\nout = "map.zarr"\n[align]\nmagnification = "none"\n')
    outcome = command("align", tmp_path / "job.toml", "--out", tmp_path / "a.zarr")
    assert outcome.code == 0, outcome.err
    assert not (tmp_path / "map.zarr").exists()
    assert "changes by 0.00 px" in outcome.out


def test_an_earlier_alignment_is_kept_when_the_next_fails(command, moving, aligned, tmp_path):
    out = shutil.copytree(aligned[0], tmp_path / "a.zarr")
    before = files_of(out)
    refused = command("align", moving.folder, "--out", out)
    assert (refused.code, refused.out) == (2, "")
    assert "--overwrite" in refused.err

    broken = tmp_path / "broken"
    shutil.copytree(moving.folder, broken)
    with h5py.File(sorted(broken.glob("*.h5"))[4], "a") as file:
        del file["img_tomo"]
    failed = command("align", broken, "--out", out, "--overwrite")
    assert failed.code == 2
    assert "img_tomo" in failed.err
    assert files_of(out) == before
    assert sorted(path.name for path in tmp_path.glob("*.zarr*")) == ["a.zarr"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--alignment", "nowhere.zarr"), "given as alignment, but holds none"),
        (("--align", "best"), "key 'align.method'"),
        (("--magnification", "2"), "key 'align.magnification'"),
    ],
)
def test_settings_that_mean_nothing_are_refused_in_one_line(command, moving, tmp_path, arguments, told):
    outcome = command("run", moving.folder, "--out", tmp_path / "r.zarr", *arguments)
    assert outcome.code == 2
    assert told in outcome.err
    assert outcome.err.strip().count("\n") == 0
    assert not list(tmp_path.glob("r.zarr*"))


def test_scans_at_rest_are_mapped_as_recorded_and_say_so(command, small_scan, tmp_path):
    outcome = command("run", small_scan.folder, "--out", tmp_path / "r.zarr", "--no-keep-mu")
    assert outcome.code == 0, outcome.err
    assert "The scan was at rest" in outcome.out
    assert displacement_in(tmp_path / "r.zarr") is None
