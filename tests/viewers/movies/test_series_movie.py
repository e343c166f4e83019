import shutil

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.series import open_series
from xanesmap.viewers.movies.series_movie import captions_of, mean_fraction, read_series, series_frames, series_page

SIZE = (300, 400)


@pytest.fixture(scope="module")
def paths(small_result, tmp_path_factory):
    """The same result three times, by other names."""
    folder = tmp_path_factory.mktemp("series")
    copies = [folder / f"{name}.zarr" for name in ("charged", "half", "discharged")]
    for copy in copies:
        shutil.copytree(small_result.path, copy)
    return copies


@pytest.fixture(scope="module")
def results(paths):
    return open_series(paths)


def test_every_result_is_shown_at_the_same_place_with_its_caption(results, small_result):
    series = read_series(results, captions=["0 %", "50 %", "100 %"])
    assert [state.caption for state in series.states] == ["0 %", "50 %", "100 %"]
    labels = small_result.phase_labels.to_numpy()
    index = int(np.argmax(np.count_nonzero(labels, axis=(1, 2))))
    assert series.place == f"z = {index * small_result.pixel_size_um:.2f} µm"
    for state in series.states:
        assert np.count_nonzero(state.labels) == np.count_nonzero(labels[index])
        assert state.values.shape == state.labels.shape == series.stack.labels.shape[1:]
    assert captions_of(results, ())[1] == "2 of 3: half"
    np.testing.assert_array_equal(series.along, [1, 2, 3])
    assert series.along_title == "result"


def test_what_is_known_of_the_states_is_told_and_puts_them_in_their_place(paths):
    description = paths[0].parent / "cell.toml"
    states = [
        f'[[state]]\nresult = "{path.name}"\nname = "{path.stem}"\ncapacity = {charge}\nvoltage_v = 3.43\n'
        for path, charge in zip(paths, (0, 80, 160.5), strict=True)
    ]
    description.write_text("\n".join(states), encoding="utf-8")
    series = open_series([description])
    assert captions_of(series, ())[2] == "3 of 3: discharged, 160.5 mAh/g, 3.43 V"
    shown = read_series(series)
    np.testing.assert_array_equal(shown.along, [0, 80, 160.5])
    assert shown.along_title == "charge (mAh/g)"


def test_the_mean_fraction_is_that_of_the_atoms(small_result):
    amount, fraction = small_result.amount.to_numpy(), small_result.fraction.to_numpy()[0]
    known = np.isfinite(amount)
    expected = (amount[known] * fraction[known]).sum() / amount[known].sum()
    assert mean_fraction(small_result) == pytest.approx(expected, rel=1e-5)


def test_every_result_is_shown_for_the_same_time(results):
    series = read_series(results)
    page = series_page(series, results.states[0].result, size=SIZE, heading="three results")
    drawn = []
    draw = page.frame
    page.frame = lambda labels, values, caption: drawn.append(caption) or draw(labels, values, caption)
    frames = list(series_frames(series, page, count=12))
    assert len(frames) == 12
    assert all(frame.shape == (*SIZE, 3) for frame in frames)
    assert [caption.split("   ")[0] for caption in drawn] == list(captions_of(results, ()))
    changes = [number for number in range(1, 12) if np.any(frames[number] != frames[number - 1])]
    assert changes == [4, 8]


def test_a_series_of_one_and_captions_that_do_not_fit_are_told(paths, results):
    with pytest.raises(DataError, match="needs two results or more"):
        read_series(open_series(paths[:1]))
    with pytest.raises(DataError, match="3 results but 2 captions"):
        read_series(results, captions=["a", "b"])
