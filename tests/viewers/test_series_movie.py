import shutil

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.result import open_result
from xanesmap.viewers.series_movie import mean_fraction, read_series, series_captions, series_frames, series_page

SIZE = (300, 400)


@pytest.fixture(scope="module")
def results(small_result, tmp_path_factory):
    """The same result three times, by other names."""
    folder = tmp_path_factory.mktemp("series")
    copies = []
    for name in ("charged", "half", "discharged"):
        shutil.copytree(small_result.path, folder / f"{name}.zarr")
        copies.append(open_result(folder / f"{name}.zarr"))
    return copies


def test_every_result_is_shown_at_the_same_place_with_its_caption(results, small_result):
    series = read_series(results, captions=["0 %", "50 %", "100 %"])
    assert [state.caption for state in series.states] == ["0 %", "50 %", "100 %"]
    labels = small_result.phase_labels.to_numpy()
    index = int(np.argmax(np.count_nonzero(labels, axis=(1, 2))))
    assert series.place == f"z = {index * small_result.pixel_size_um:.2f} µm"
    for state in series.states:
        assert np.count_nonzero(state.labels) == np.count_nonzero(labels[index])
        assert state.values.shape == state.labels.shape == series.stack.labels.shape[1:]
    assert series_captions(results)[1] == "2 of 3: half"


def test_the_mean_fraction_is_that_of_the_atoms(small_result):
    amount, fraction = small_result.amount.to_numpy(), small_result.fraction.to_numpy()[0]
    known = np.isfinite(amount)
    expected = (amount[known] * fraction[known]).sum() / amount[known].sum()
    assert mean_fraction(small_result) == pytest.approx(expected, rel=1e-5)


def test_every_result_is_shown_for_the_same_time(results):
    series = read_series(results)
    page = series_page(series, results[0], size=SIZE, heading="three results")
    drawn = []
    draw = page.frame
    page.frame = lambda labels, values, caption: drawn.append(caption) or draw(labels, values, caption)
    frames = list(series_frames(series, page, count=12))
    assert len(frames) == 12
    assert all(frame.shape == (*SIZE, 3) for frame in frames)
    assert [caption.split("   ")[0] for caption in drawn] == list(series_captions(results))
    changes = [number for number in range(1, 12) if np.any(frames[number] != frames[number - 1])]
    assert changes == [4, 8]


def test_results_that_do_not_go_together_are_told(results, small_result):
    with pytest.raises(DataError, match="needs two results or more"):
        read_series(results[:1])
    with pytest.raises(DataError, match="3 results but 2 captions"):
        read_series(results, captions=["a", "b"])
    root = results[1].path / "zarr.json"
    before = root.read_text(encoding="utf-8")
    changed = before.replace('"pixel_size_um": 0.32', '"pixel_size_um": 0.4')
    assert changed != before
    root.write_text(changed, encoding="utf-8")
    other = open_result(results[1].path)
    root.write_text(before, encoding="utf-8")
    with pytest.raises(DataError, match=r"voxels of 0\.4 um .* but .* voxels of 0\.32 um"):
        read_series([results[0], other])
