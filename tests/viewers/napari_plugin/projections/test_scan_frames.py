from dataclasses import replace

import numpy as np
import pytest

from xanesmap.reconstruct.readers import open_scan
from xanesmap.viewers.napari_plugin.projections.scan_frames import ScanFrames, frame_steps


@pytest.fixture(scope="module")
def scan(small_scan):
    return open_scan(small_scan.folder)


@pytest.fixture(scope="module")
def whole(scan):
    frames = [[t.read_projection(i) for i in range(len(t.angles_rad))] for t in scan.tomograms]
    return np.array(frames, dtype=np.float32)


@pytest.mark.parametrize(
    "index",
    [
        (2, 5),
        (slice(2, 4), 5),
        (-1, slice(0, 3), slice(4, 9), 7),
        (3, 4, ...),
        (np.int64(1), 2, slice(None), slice(None)),
        (slice(0, 2), slice(0, 1)),
    ],
)
def test_frames_are_cut_like_an_array(scan, whole, index):
    np.testing.assert_array_equal(ScanFrames(scan)[index], whole[index])


def test_nothing_is_read_before_it_is_asked_for(scan, monkeypatch):
    read = []
    kind = type(scan.tomograms[0])
    monkeypatch.setattr(kind, "read_projection", lambda self, index: read.append(index) or np.zeros((24, 40)))
    frames = ScanFrames(scan)
    assert frames.shape == (8, 40, 24, 40)
    assert read == []
    frames[3, 7]
    assert read == [7]


class Shortened:
    """The first projections of a tomogram."""

    def __init__(self, tomogram, n):
        self._tomogram, self._n = tomogram, n

    def __getattr__(self, name):
        return getattr(self._tomogram, name)

    @property
    def angles_rad(self):
        return self._tomogram.angles_rad[: self._n]


def test_an_energy_with_fewer_projections_ends_in_blank_frames(scan):
    shorter = replace(scan, tomograms=(scan.tomograms[0], Shortened(scan.tomograms[1], 30), *scan.tomograms[2:]))
    frames = ScanFrames(shorter)
    assert np.isnan(frames[1, 35]).all()
    assert np.isfinite(frames[1, 29]).all()
    assert frame_steps(shorter)[1].text(35) == frame_steps(scan)[1].text(35)


def test_sliders_stand_at_energies_in_ev_and_angles_in_degrees(scan):
    energy, angle = frame_steps(scan)
    assert energy.text(1) == "7110.00 eV"
    assert angle.text(10) == f"{np.rad2deg(scan.tomograms[0].angles_rad[10]):.2f} °"


def test_angles_that_energies_do_not_share_are_told_by_number(scan):
    class Turned(Shortened):
        @property
        def angles_rad(self):
            return self._tomogram.angles_rad + 0.5

    other = replace(scan, tomograms=(scan.tomograms[0], Turned(scan.tomograms[1], None), *scan.tomograms[2:]))
    assert frame_steps(other)[1].text(10) == "angle 11"
