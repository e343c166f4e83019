import os
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats import hdf5_soundness, hdf5_walk
from xanesmap.reconstruct.formats.hdf5 import open_hdf5
from xanesmap.reconstruct.formats.hdf5_soundness import CRASHED, ENDLESS, Guard
from xanesmap.reconstruct.formats.hdf5_walk import walk
from xanesmap.reconstruct.readers import open_scan

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer of processor time: no guard")
HEAP_HEAD, OBJECT_HEAD = 16, 16


@pytest.fixture
def guard():
    guard = Guard()
    yield guard
    guard.stop()


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "sound.h5"
    with h5py.File(path, "w") as file:
        file["entry/angle"] = np.arange(5.0)
        file["entry"].attrs["NX_class"] = "NXentry"
    return path


@pytest.fixture
def endless(tmp_path, sound):
    """The sound file with one number of the heap of texts set to zero."""
    content = bytearray(sound.read_bytes())
    place = content.index(b"GCOL") + HEAP_HEAD
    index, _, _, size = struct.unpack_from("<HHIQ", content, place)
    while index:  # object 0 is the free space
        place += OBJECT_HEAD + -(-size // 8) * 8
        index, _, _, size = struct.unpack_from("<HHIQ", content, place)
    struct.pack_into("<Q", content, place + 8, 0)
    path = tmp_path / "endless.h5"
    path.write_bytes(content)
    return path


def is_running(number):
    stat = Path(f"/proc/{number}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(happened, *, seconds=20.0):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_file_that_hangs_hdf5_is_refused_by_name(endless):
    start = time.process_time()
    for source in (endless, endless.parent):
        with pytest.raises(DataError, match=r"endless\.h5: the file is damaged: reading its structure does not end"):
            open_scan(source)
    assert time.process_time() - start < 2.0


def test_a_file_that_hangs_hdf5_is_refused_as_the_target_of_a_link(endless):
    path = endless.with_name("linked.h5")
    with h5py.File(path, "w") as file:
        file["exchange"] = h5py.ExternalLink(endless.name, "/entry")
    with pytest.raises(DataError, match=r"endless\.h5: the file is damaged"):
        open_scan(path)


def test_the_next_file_is_read_after_one_that_hangs(guard, sound, endless):
    assert guard.fault_of(endless) == ENDLESS
    assert guard.fault_of(sound) is None
    assert guard.helper.poll() is None


def test_one_helper_looks_at_each_state_of_a_file_once(guard, sound, monkeypatch):
    asked = []
    ask = hdf5_soundness.ask
    monkeypatch.setattr(hdf5_soundness, "ask", lambda helper, path: asked.append(path) or ask(helper, path))
    for _ in range(3):
        assert guard.fault_of(sound) is None
    first = guard.helper
    with h5py.File(sound, "a") as file:
        file["more"] = np.zeros(10000)
    assert guard.fault_of(sound) is None
    assert asked == [sound, sound]
    assert guard.helper is first


def write_helper(path, body):
    path.write_text(f"import os, signal, sys\nprint('{hdf5_walk.READY}', flush=True)\nfor line in sys.stdin:\n{body}")
    return str(path)


def test_a_crash_is_told_from_the_end_of_the_helper_by_somebody_else(guard, sound, tmp_path, monkeypatch):
    dying = "    os.kill(os.getpid(), signal.{})\n"
    monkeypatch.setattr(hdf5_walk, "__file__", write_helper(tmp_path / "a.py", dying.format("SIGSEGV")))
    assert guard.fault_of(sound) == CRASHED
    os.utime(sound, (1, 1))
    monkeypatch.setattr(hdf5_walk, "__file__", write_helper(tmp_path / "b.py", dying.format("SIGKILL")))
    assert guard.fault_of(sound) is None


def test_a_crash_that_an_earlier_file_caused_is_not_blamed_on_the_next(guard, sound, tmp_path, monkeypatch):
    body = (
        "    if os.path.exists('{0}/spoiled'): os.remove('{0}/spoiled'); os.abort()\n    print('walked', flush=True)\n"
    )
    monkeypatch.setattr(hdf5_walk, "__file__", write_helper(tmp_path / "a.py", body.format(tmp_path)))
    assert guard.fault_of(sound) is None
    (tmp_path / "spoiled").touch()
    os.utime(sound, (1, 1))
    assert guard.fault_of(sound) is None
    assert not (tmp_path / "spoiled").exists()


@pytest.mark.parametrize("program", ["", "/bin/false", "/nonexistent/python"])
def test_without_a_python_of_its_own_files_are_read_unguarded(sound, program, monkeypatch):
    monkeypatch.setattr(sys, "executable", program)
    guard = Guard()
    assert guard.fault_of(sound) is None
    assert guard.helper is None


def test_threads_share_the_helper(guard, tmp_path):
    paths = []
    for number in range(8):
        paths.append(tmp_path / f"{number}.h5")
        with h5py.File(paths[-1], "w") as file:
            file["a"] = number
    threads = [threading.Thread(target=guard.fault_of, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [guard.known[str(path)].fault for path in paths] == [None] * 8


def test_an_interrupt_leaves_no_answer_for_the_next_file(guard, sound, monkeypatch):
    def interrupt(helper, path):
        raise KeyboardInterrupt

    assert guard.fault_of(sound) is None
    first = guard.helper
    os.utime(sound, (1, 1))
    with monkeypatch.context() as patched:
        patched.setattr(hdf5_soundness, "ask", interrupt)
        with pytest.raises(KeyboardInterrupt):
            guard.fault_of(sound)
    assert first.poll() is not None
    assert guard.fault_of(sound) is None


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
@pytest.mark.parametrize("ended_by", ["SIGINT", "SIGKILL", None])
def test_the_helper_ends_with_its_process(sound, ended_by):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from xanesmap.reconstruct.formats import hdf5_soundness\n"
        f"hdf5_soundness.require_sound(Path({str(sound)!r}))\n"
        "print(next(p for p in os.listdir('/proc') if p.isdigit() and "
        "f' {os.getpid()} ' in Path('/proc', p, 'stat').read_text().rpartition(')')[2][:20]), flush=True)\n"
        + (f"os.kill(os.getpid(), signal.{ended_by}); signal.pause()" if ended_by else "")
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    number = int(done.stdout)
    wait_until(lambda: not is_running(number))


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_a_forked_process_has_a_helper_of_its_own(guard, sound, tmp_path):
    assert guard.fault_of(sound) is None
    code = (
        "import os\n"
        "from pathlib import Path\n"
        "from xanesmap.reconstruct.formats import hdf5_soundness\n"
        f"path = Path({str(sound)!r})\n"
        "hdf5_soundness.require_sound(path)\n"
        "if os.fork() == 0:\n"
        "    os.utime(path, (1, 1))\n"
        "    hdf5_soundness.require_sound(path)\n"
        "    os._exit(7)\n"
        "status = os.waitstatus_to_exitcode(os.wait()[1])\n"
        "os.utime(path, (2, 2))\n"
        "hdf5_soundness.require_sound(path)\n"
        "print(status)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("7", "")


def test_the_walk_stays_in_the_file(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["there/deep"] = 1
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["here"] = np.zeros(3)
        file["again"] = file["here"]
        file["soft"] = h5py.SoftLink("/here")
        file["door"] = h5py.ExternalLink("other.h5", "/there")
        file["group/own"] = file["/"]
    assert walk(str(tmp_path / "a.h5"), before_step=lambda: None) == 3  # root, group, one dataset


def test_frames_are_not_read(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("img", data=np.zeros((20, 30, 40)), chunks=(1, 30, 40))
        file["angle"] = np.zeros(20)
    read = []
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda self, what: read.append(self.name))
    walk(str(tmp_path / "a.h5"), before_step=lambda: None)
    assert read == ["/angle"]


def test_starting_and_walking_are_quick(guard, sound):
    assert guard.fault_of(sound) is None
    start = time.perf_counter()
    for second in range(20):
        os.utime(sound, (second, second))
        assert guard.fault_of(sound) is None
    assert (time.perf_counter() - start) / 20 < 0.05


def test_a_sound_file_opens(sound):
    with open_hdf5(sound) as file:
        assert file["entry/angle"][-1] == 4.0
