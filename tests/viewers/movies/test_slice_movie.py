import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.viewers.colours import phase_colours
from xanesmap.viewers.movies.movie_file import write_movie
from xanesmap.viewers.movies.slice_movie import SlicePage, page_style, slice_frames
from xanesmap.viewers.movies.slice_stack import map_names, read_stack

SIZE = (240, 320)


def page_for(result, stack, size=SIZE):
    return SlicePage(
        page_style(stack, phases=result.phases, label_names=result.label_names, size=size, heading="a result")
    )


def near(frame, colour):
    """Share of the pixels of a colour."""
    return float((np.abs(frame / 255 - np.asarray(colour)).max(axis=-1) < 0.05).mean())


@pytest.mark.parametrize(("axis", "others"), [("z", "yx"), ("y", "zx"), ("x", "zy")])
def test_slices_are_those_across_the_axis(small_result, axis, others):
    stack = read_stack(small_result, axis=axis, cropped=False)
    labels = small_result.phase_labels
    for index in (0, 7):
        expected = labels.isel({axis: index}).transpose(*others).to_numpy()
        np.testing.assert_array_equal(stack.labels[index], expected)
    assert (stack.down, stack.right) == tuple(others)
    assert stack.caption(7) == f"{axis} = {7 * 0.32:.2f} µm"
    filled = [number for number in range(labels.sizes[axis]) if labels.isel({axis: number}).any()]
    assert (stack.first, stack.last) == (filled[0], filled[-1])


def test_a_cropped_stack_keeps_all_material(small_result):
    whole, cropped = (read_stack(small_result, cropped=cropped) for cropped in (False, True))
    assert np.count_nonzero(cropped.labels) == np.count_nonzero(whole.labels)
    assert cropped.labels[0].size < whole.labels[0].size
    assert cropped.values.shape == cropped.labels.shape


@pytest.mark.parametrize("layer", ["fraction FePO4", "sigma LiFePO4", "amount", "residual"])
def test_every_map_has_its_title_and_its_limits(small_result, layer):
    assert layer in map_names(small_result)
    stack = read_stack(small_result, layer=layer, cropped=False)
    assert stack.limits[0] == 0
    assert 0 < stack.limits[1] <= 1 or layer == "amount"
    if layer == "amount":
        assert stack.title == "amount (edge step, 1/µm)"
        np.testing.assert_array_equal(stack.values, small_result.amount.to_numpy())


def test_a_volume_that_does_not_fit_is_read_at_a_coarser_level(small_result):
    assert read_stack(small_result, voxels=1).step_um == small_result.pixel_size_um  # it has one level only


def test_maps_and_axes_that_are_none_are_told(small_result):
    with pytest.raises(DataError, match=r"layer 'mu' is not in result .*; there are fraction LiFePO4"):
        read_stack(small_result, layer="mu")
    with pytest.raises(DataError, match="give z, y or x"):
        read_stack(small_result, axis="w")


def test_a_frame_shows_the_labels_in_their_colours(small_result):
    stack = read_stack(small_result)
    page = page_for(small_result, stack)
    for label, colour in enumerate(phase_colours(small_result.phases)[:2], start=1):
        index = int(np.argmax((stack.labels == label).sum(axis=(1, 2))))
        frame = page.frame(stack.labels[index], stack.values[index], stack.caption(index))
        assert frame.shape == (*SIZE, 3)
        assert frame.dtype == np.uint8
        blank = page.frame(np.zeros_like(stack.labels[index]), np.full_like(stack.values[index], np.nan), "")
        assert near(frame, colour) > near(blank, colour) + 0.005


def test_voxels_are_square_on_the_page(small_result):
    for axis in "zy":
        stack = read_stack(small_result, axis=axis)
        page = page_for(small_result, stack)
        box = page.labels.axes.get_window_extent()
        rows, columns = stack.labels.shape[1:]
        assert box.height / rows == pytest.approx(box.width / columns, rel=0.02)


def test_a_movie_goes_once_through_all_slices_with_material(small_result, tmp_path, read_mp4):
    stack = read_stack(small_result)
    page = page_for(small_result, stack)
    captions = []
    draw = page.frame
    page.frame = lambda labels, values, caption: captions.append(caption) or draw(labels, values, caption)
    count = 2 * (stack.last - stack.first + 1)
    with write_movie(tmp_path / "slices.mp4", size=SIZE, fps=10) as movie:
        for frame in slice_frames(stack, page, count=count):
            movie.add(frame)
    assert captions == [stack.caption(index) for index in range(stack.first, stack.last + 1)]
    read = read_mp4(tmp_path / "slices.mp4")
    assert read.frames.shape == (count, *SIZE, 3)
    assert read.seconds == pytest.approx(count / 10, abs=0.06)
