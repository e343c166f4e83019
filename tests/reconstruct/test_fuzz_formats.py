import importlib.util
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="opened files are watched by inotify")


@pytest.fixture(scope="module")
def fuzz():
    pytest.importorskip("resource")
    path = Path(__file__).with_name("fuzz_formats.py")
    spec = importlib.util.spec_from_file_location("fuzz_formats", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_valid_file_is_read(fuzz, tmp_path):
    for format in fuzz.FORMATS:
        (tmp_path / format).mkdir()
        fuzz.write_valid(tmp_path / format / "a.h5", format)
        assert fuzz.read_all(tmp_path / format / "a.h5") == "read"


def test_the_watch_notices_a_file_opened_by_hdf5(fuzz, tmp_path):
    fuzz.write_valid(tmp_path / "a.h5", "fxi")
    watch = fuzz.OpenWatch(tmp_path)
    fuzz.read_all(tmp_path / "a.h5")
    assert "a.h5" in watch.opened()


@pytest.mark.parametrize("first_seed", [10_000, pytest.param(10_030, marks=pytest.mark.slow)])
@pytest.mark.parametrize("format", ["fxi", "dataexchange", "nxtomo", "mantis", "als832", "pyxas", "registered"])
def test_damaged_and_hostile_files_are_read_or_refused_in_a_sentence(fuzz, format, first_seed, tmp_path):
    faults, outcomes = [], set()
    for seed in range(first_seed, first_seed + 30):
        path, done = fuzz.mutate(tmp_path / str(seed), format, seed)
        outcomes.update(done)
        fault = fuzz.verdict(path)
        if fault is not None:
            faults.append(f"seed {seed} {done}: {fault}")
    assert not faults
    assert len(outcomes) > 8
