import csv
import functools
import shutil

import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.result import open_result
from xanesmap.viewers.commands.segment_command import named_points
from xanesmap.viewers.drawing.morphology_figures import save_morphology_figures


@pytest.fixture(scope="module")
def copied(small_result, tmp_path_factory):
    path = tmp_path_factory.mktemp("segment") / "small.zarr"
    shutil.copytree(small_result.path, path)
    return path


@pytest.fixture
def command(command):
    """The command `xanesmap segment` as a function of its words."""
    return functools.partial(command, "segment")


def test_the_command_prints_particles_and_writes_tables_and_pictures(command, copied, tmp_path):
    words = (
        "--null-draws",
        3,
        "--error-draws",
        3,
        "--coupling",
        0.8,
        "--largest-box-px",
        8,
        "--axis",
        "b=0,1,0",
        "--line",
        "l=1,1,1:5,9,9",
        "--box",
        "m=1,1,1:4,4,4",
    )
    code, out, err = command(copied, *words, "--figures", tmp_path / "pictures")
    assert code == 0, err
    for text in ("particle", "verdict", "volume", "um^3", "Resolution", "Picture: "):
        assert text in out
    tables = {file.stem for file in (copied / "tables").glob("*.csv")}
    assert {"particles", "core_shell", "two_phase", "lines", "line_fronts", "boxes"} <= tables
    with (copied / "tables" / "core_shell.csv").open() as file:
        assert "shell thickness along b (um)" in next(csv.reader(file))
    pictures = sorted((tmp_path / "pictures").glob("*.png"))
    assert [picture.name for picture in pictures] == ["core_shell.png", "particles.png"]
    assert all(picture.stat().st_size > 20_000 for picture in pictures)
    assert open_result(copied).particle_labels is not None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--axis", "b=0,1"), "--axis 'b=0,1' is not of the form NAME=z,y,x."),
        (("--line", "l=1,1,1"), "--line 'l=1,1,1' is not of the form NAME=z,y,x:z,y,x."),
        (("--method", "guess"), "setting method"),
        (("--core", "NMC"), "core phase 'NMC'"),
        (("--threshold", "0.3"), "setting pure_threshold"),
    ],
)
def test_words_that_cannot_be_used_are_one_line_and_change_nothing(command, copied, words, message):
    before = {file: file.stat().st_ino for file in copied.rglob("*")}
    code, _, err = command(copied, *words)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert {file: file.stat().st_ino for file in copied.rglob("*")} == before


def test_a_place_without_result_is_refused(command, tmp_path):
    code, _, err = command(tmp_path / "none.zarr")
    assert code == 2
    assert "does not exist" in err


def test_points_are_read_by_name():
    points = named_points(["a=1,2,3:4,5,6.5"], "--line", count=2)
    assert points == {"a": ((1.0, 2.0, 3.0), (4.0, 5.0, 6.5))}
    assert named_points(None, "--line", count=2) == {}
    with pytest.raises(DataError, match="names 'a' twice"):
        named_points(["a=1,2,3", "a=1,2,3"], "--axis", count=1)


def test_figures_need_a_segmentation(small_result, tmp_path):
    with pytest.raises(DataError, match="is not segmented"):
        save_morphology_figures(small_result, tmp_path)
