import dataclasses
import itertools
import shlex
import shutil

import numpy as np
import pytest
from matplotlib.figure import Figure

from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.storage.amendment import read_table
from xanesmap.viewers.napari_plugin.thresholds.drawing import draw_histogram, found_text, share_text, volume_text
from xanesmap.viewers.napari_plugin.thresholds.maps import coarse_maps
from xanesmap.viewers.napari_plugin.thresholds.model import (
    BINS,
    CoarseExplorer,
    PhaseVolume,
    explore_full,
    known_blur_px,
    with_errors,
)
from xanesmap.viewers.napari_plugin.thresholds.settings import (
    Thresholds,
    command_line,
    first_thresholds,
    segment_settings,
)

QUICK = {"null_draws": 0, "error_draws": 0}


@pytest.fixture
def copy(small_result, tmp_path):
    """A copy of the small result, to be segmented."""
    return open_result(shutil.copytree(small_result.path, tmp_path / "copy.zarr"))


def amount_threshold(result):
    return 0.85 * float(np.nanmedian(result.amount.to_numpy()))


@pytest.mark.parametrize("narrow", [False, True])
def test_numbers_equal_those_of_the_command_that_is_copied(copy, command, narrow):
    thresholds = Thresholds(pure=0.85, mask=amount_threshold(copy) if narrow else None, least_voxels=30)
    settings = segment_settings(thresholds, copy)
    tried, found = explore_full(copy, settings)
    words = shlex.split(command_line(settings, copy.path))
    ended = command(*words[1:], "--null-draws", "0")
    assert ended.code == 0, ended.err
    phases = read_table(copy.path, "phases")
    assert [volume.name for volume in tried.volumes] == phases["phase"]
    volumes = [float(cell) for cell in phases["volume (um^3)"]]
    np.testing.assert_allclose([volume.volume for volume in tried.volumes], volumes, rtol=1e-5)
    assert tried.n_particles == len(read_table(copy.path, "particles")["index"])
    stored = open_result(copy.path)
    np.testing.assert_array_equal(stored.phase_labels.to_numpy(), tried.labels)
    assert tried.n_fragments == stored.attributes["segmentation"]["fragments"]
    assert sum(volume.share for volume in tried.volumes) == pytest.approx(1)
    assert found.labels is tried.labels


def test_coarse_maps_of_step_one_give_the_numbers_of_the_full_resolution(small_result):
    settings = {"pure_threshold": 0.8, "mask_threshold_per_um": amount_threshold(small_result)}
    tried, found = explore_full(small_result, settings)
    maps = coarse_maps(small_result, most_voxels=10**9)
    assert maps.step == 1
    quick = CoarseExplorer(maps, small_result, blur_px=found.rule.blur_px).explore(settings)
    np.testing.assert_array_equal(quick.labels, tried.labels)
    np.testing.assert_allclose(quick.histogram, tried.histogram, atol=1e-6)
    assert quick.n_particles == tried.n_particles


def test_coarse_voxels_are_means_of_cubes_and_give_nearly_the_same_volumes(small_result):
    maps = coarse_maps(small_result, most_voxels=small_result.mask.size // 8)
    assert maps.step == 2
    fraction, mask = small_result.fraction.to_numpy(), small_result.mask.to_numpy()
    middle = tuple(np.argwhere(maps.mask)[maps.mask.sum() // 2].tolist())
    cube = tuple(slice(2 * i, 2 * i + 2) for i in middle)
    np.testing.assert_allclose(maps.fraction[(0, *middle)], np.nanmean(fraction[(0, *cube)]), rtol=1e-5)
    assert maps.mask[middle] == (mask[cube].mean() >= 0.5)
    quick = CoarseExplorer(maps, small_result, blur_px=1.0).explore({"pure_threshold": 0.7})
    full, _ = explore_full(small_result, {"pure_threshold": 0.7})
    assert quick.step == 2
    assert not quick.is_full
    total, exact = (sum(volume.volume for volume in one.volumes) for one in (quick, full))
    assert total == pytest.approx(exact, rel=0.1)


def test_what_a_slider_does_not_touch_is_kept_and_what_it_touches_changes(small_result):
    maps = coarse_maps(small_result)
    explorer = CoarseExplorer(maps, small_result, blur_px=1.0)
    settings = [
        {"pure_threshold": 0.7},
        {"pure_threshold": 0.95},
        {"pure_threshold": 0.95, "mask_threshold_per_um": amount_threshold(small_result)},
        {"pure_threshold": 0.95, "least_voxels": 10**6},
        {"pure_threshold": 0.7},
    ]
    tried = [explorer.explore(one) for one in settings]
    fresh = [CoarseExplorer(maps, small_result, blur_px=1.0).explore(one) for one in settings]
    for one, other in zip(tried, fresh, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        assert one.n_particles == other.n_particles
    assert (tried[2].labels > 0).sum() < (tried[1].labels > 0).sum()
    assert tried[3].n_particles == 0
    assert tried[3].fragment_share == pytest.approx(1, abs=0.05)


def test_errors_come_in_the_unit_of_the_volumes(small_result):
    settings = {"pure_threshold": 0.8}
    tried, found = explore_full(small_result, settings)
    assert all(np.isnan(volume.error) for volume in tried.volumes)
    told = []
    known = with_errors(tried, found, small_result, progress=lambda *step: told.append(step))
    voxel = small_result.pixel_size_um**3
    for volume in known.volumes:
        assert 0 <= volume.error < 0.1 * sum(one.volume for one in known.volumes)
        assert volume.share_error * (found.labels > 0).sum() == pytest.approx(volume.error / voxel)
    assert max(volume.error for volume in known.volumes) > 0
    assert told


def test_images_have_areas(small_result):
    flat = dataclasses.replace(small_result, attributes={**small_result.attributes, "attenuation_unit": "1"})
    tried = CoarseExplorer(coarse_maps(flat), flat, blur_px=0.5).explore({"pure_threshold": 0.7})
    assert tried.unit == "um^2"
    voxels = (tried.labels > 0).sum()
    area = sum(volume.volume for volume in tried.volumes)
    assert area == pytest.approx(voxels * (tried.step * flat.pixel_size_um) ** 2)


def test_settings_begin_with_those_of_the_last_segmentation_and_keep_the_others(copy, command):
    assert first_thresholds(copy) == Thresholds(pure=0.7, mask=None, least_voxels=64)
    words = ["--threshold", "0.8", "--least-voxels", "20", "--neck", "0.7", "--axis", "b=0,1,0", "--null-draws", "0"]
    assert command("segment", copy.path, *words).code == 0
    again = open_result(copy.path)
    assert first_thresholds(again) == Thresholds(pure=0.8, mask=None, least_voxels=20)
    assert known_blur_px(again) > 0
    settings = segment_settings(Thresholds(pure=0.9, mask=0.01, least_voxels=20), again)
    assert settings["neck"] == 0.7
    told = shlex.split(command_line(settings, again.path))
    for pair in (("--threshold", "0.9"), ("--mask-threshold", "0.01"), ("--neck", "0.7"), ("--axis", "b=0,1,0")):
        assert pair in list(itertools.pairwise(told))


def test_lines_and_boxes_are_in_the_command_with_both_their_ends(small_result):
    settings = {"lines": {"a": [[0, 1, 2.5], [3, 4, 5]]}, "boxes": {"b": ((0, 0, 0), (1, 1, 1))}}
    assert command_line(settings, small_result.path).endswith("--line a=0,1,2.5:3,4,5 --box b=0,0,0:1,1,1")


def test_the_histogram_shows_both_thresholds(small_result):
    tried, _ = explore_full(small_result, {"pure_threshold": 0.8})
    assert tried.histogram.sum(axis=1) == pytest.approx(1)
    figure = Figure()
    draw_histogram(figure, tried, phases=small_result.phases, pure=0.8)
    lines = figure.axes[0].get_lines()
    assert sorted(line.get_xdata()[0] for line in lines) == pytest.approx([0.2, 0.8])
    three = dataclasses.replace(tried, histogram=np.vstack([tried.histogram, tried.histogram[:1]]))
    draw_histogram(figure, three, phases=("LiFePO4", "FePO4", "Fe2P"), pure=0.8)
    assert [line.get_xdata()[0] for line in figure.axes[0].get_lines()] == [0.8]
    assert len(figure.axes[0].get_legend().get_texts()) == 3
    assert BINS[0] < 0 < 1 < BINS[-1]


def test_numbers_are_told_with_as_many_digits_as_their_error_has():
    volume = PhaseVolume(name="a", volume=12.3456, error=0.0234, share=0.25, share_error=0.00047, voxel=0.001)
    assert volume_text(volume) == "12.346 ± 0.023"
    assert share_text(volume) == "25.000 ± 0.047 %"
    assert volume_text(dataclasses.replace(volume, error=float("nan"))) == "12.35"
    assert volume_text(dataclasses.replace(volume, error=0.0)) == "12.3456 ± <0.0010"
    absent = dataclasses.replace(volume, volume=0.0, error=0.0, share=0.0, share_error=0.0)
    assert share_text(absent).startswith("0.0")


def test_particles_and_fragments_are_told_with_their_size(small_result):
    tried, _ = explore_full(small_result, {"least_voxels": 64})
    text = found_text(tried, least_voxels=64, voxel_um=0.5)
    assert text.startswith(f"{tried.n_particles} particles of at least 64 voxels (8 µm³)")
    assert text.endswith("Full resolution.")
