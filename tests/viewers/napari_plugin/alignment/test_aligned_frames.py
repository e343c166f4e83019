"""Frames before and after alignment, and the tracks of all of them; without Qt."""

import shutil

import numpy as np
import pytest
from matplotlib.figure import Figure

from xanesmap.errors import DataError
from xanesmap.phasemap.alignment.store import stored_alignment
from xanesmap.phasemap.mapping.slab_frames import FrameCorrection, aligned_frames
from xanesmap.reconstruct.noise import estimate_noise
from xanesmap.viewers.napari_plugin.alignment.aligned_frames import before_and_after, open_aligned_frames, two_energies
from xanesmap.viewers.napari_plugin.alignment.tracks import TracksDrawing, tracks_of, tracks_text
from xanesmap.viewers.napari_plugin.parts.figure_theme import LIGHT


@pytest.fixture(scope="module")
def frames(moved_result):
    return open_aligned_frames(moved_result)


@pytest.fixture(scope="module")
def tracks(moved_result):
    return tracks_of(stored_alignment(moved_result.path), pixel_um=moved_result.pixel_size_um)


def test_an_aligned_frame_is_the_one_that_the_run_reconstructs(frames):
    tomogram = frames.projections.scan.tomograms[5]
    rows = tomogram.read_rows(0, tomogram.n_rows)
    noise = estimate_noise(rows.flats, rows.darks)
    how = FrameCorrection(noise=noise, zinger_sigma=8.0, stripes="none", filter_name="ramlak")
    used = aligned_frames(tomogram, how, frames.stored.alignment, index=5, start=0, stop=tomogram.n_rows).values
    kept = np.flatnonzero(frames.stored.alignment.kept[5])
    for place in (0, 11):
        difference = frames.frame(5, int(kept[place]), state="aligned") - used[place]
        assert np.median(np.abs(difference)) < 2e-4


def test_alignment_brings_the_frames_of_two_energies_together(frames):
    """Beyond the edge both phases absorb alike, so what is left of the difference is place."""
    rest = {
        state: np.mean(
            [np.square(two_energies(frames, 6, 7, angle, state=state).difference) for angle in range(0, 40, 5)]
        )
        for state in ("recorded", "aligned")
    }
    assert rest["aligned"] < 0.5 * rest["recorded"]


def test_before_is_as_recorded_and_after_is_moved(frames):
    pair = before_and_after(frames, 4, 10)
    recorded = frames.projections.frame(4, 10)
    np.testing.assert_allclose(pair.images[0], recorded - frames.stored.alignment.air_level[4, 10], atol=1e-6)
    np.testing.assert_allclose(pair.difference, pair.images[1] - pair.images[0])
    assert pair.texts[0].startswith("as recorded: 7129.00 eV")
    assert pair.texts[1].startswith("aligned: 7129.00 eV")
    assert pair.limits[0] < pair.limits[1]


def test_a_frame_that_was_left_out_is_shown_as_recorded_and_says_so(moved_result):
    frames = open_aligned_frames(moved_result)
    frames.stored.alignment.kept[2, 3] = False
    frames.stored.alignment.shift_px[2, 3] = np.nan
    pair = before_and_after(frames, 2, 3)
    np.testing.assert_array_equal(*pair.images)
    assert pair.texts[1].startswith("left out by the alignment")
    left_out = int((~frames.stored.alignment.kept).sum())
    assert f"320 frames, {left_out} left out" in tracks_text(tracks_of(frames.stored, pixel_um=0.32))


def test_a_scan_that_has_moved_is_found_where_it_is_named(moved_result, tmp_path):
    (source,) = moved_result.attributes["configuration"]["scan"]
    shutil.copytree(source, tmp_path / "elsewhere")
    frames = open_aligned_frames(moved_result, scan=(str(tmp_path / "elsewhere"),))
    assert frames.projections.scan.tomograms[0].source.parent == tmp_path / "elsewhere"


def test_results_without_alignment_and_scans_of_others_are_refused(
    moved_result, small_result, tmp_path, small_settings
):
    with pytest.raises(DataError, match="were not aligned"):
        open_aligned_frames(small_result)
    with pytest.raises(DataError, match=str(tmp_path)):
        open_aligned_frames(moved_result, scan=(str(tmp_path),))


def test_tracks_are_the_displacements_that_were_put_in(tracks, moved_scan):
    text = tracks_text(tracks)
    assert text.startswith("320 frames")
    assert "px" in text
    assert "µm" in text
    assert (tracks.sigma_of_energies_px > 0).all()
    assert (tracks.n_left_out == (~tracks.kept).sum(axis=1)).all()


def test_a_click_finds_the_nearest_frame(tracks):
    assert tracks.nearest_energy(7128.0) == 4
    assert tracks.nearest_energy(0) == 0
    assert tracks.nearest_angle(3, tracks.angles_deg[3, 17] + 1) == 17


def test_tracks_are_drawn_with_the_frame_marked_and_lengths_in_um(tracks):
    figure = Figure(figsize=(5, 7))
    drawing = TracksDrawing(figure, tracks, theme=LIGHT)
    over_angle, shifts, axis, errors = drawing.panels
    assert drawing.show(0, 0)
    assert drawing.show(3, 0)
    assert not drawing.show(3, 8), "only the marks have moved"
    figure.draw_without_rendering()
    assert over_angle.get_title(loc="left") == "7124.50 eV"
    marks = [line for line in over_angle.lines if len(line.get_xdata()) == 2]
    assert any(line.get_xdata()[0] == tracks.angles_deg[3, 8] for line in marks)
    (second,) = over_angle.child_axes
    np.testing.assert_allclose(np.array(second.get_ylim()), 0.32 * np.array(over_angle.get_ylim()))
    for axes in (shifts, axis, errors):
        assert any(set(np.asarray(line.get_xdata()).tolist()) == {7124.5} for line in axes.lines)
