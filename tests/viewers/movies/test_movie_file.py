import numpy as np
import pytest
from PIL import Image

from xanesmap.errors import DataError
from xanesmap.viewers.movies.movie_file import check_movie_path, write_movie

SIZE = (48, 64)


def frame(number, *, size=SIZE):
    """A grey frame with a bright column that moves."""
    picture = np.full((*size, 3), 60, np.uint8)
    picture[:, 2 * number : 2 * number + 6] = (230, 180, 40)
    return picture


def write(path, count=20, fps=10.0, **options):
    with write_movie(path, size=SIZE, fps=fps, **options) as movie:
        for number in range(count):
            movie.add(frame(number))
    return movie


def test_an_mp4_has_the_frames_the_size_and_the_length_asked_for(tmp_path, read_mp4):
    movie = write(tmp_path / "new" / "movie.mp4")
    read = read_mp4(tmp_path / "new" / "movie.mp4")
    assert movie.frames == len(read.frames) == 20
    assert read.frames.shape[1:] == (48, 64, 3)
    assert read.fps == 10
    assert read.seconds == pytest.approx(2.0, abs=0.06)
    for number in (0, 7, 19):
        difference = np.abs(read.frames[number].astype(int) - frame(number)).mean()
        assert difference < 12  # lossy, but of this frame


def test_a_gif_has_the_frames_the_size_and_the_length_asked_for(tmp_path):
    write(tmp_path / "movie.gif", fps=12.0)
    with Image.open(tmp_path / "movie.gif") as movie:
        assert movie.n_frames == 20
        assert movie.size == (64, 48)
        assert movie.info["loop"] == 0
        lengths = []
        for number in range(movie.n_frames):
            movie.seek(number)
            lengths.append(movie.info["duration"])
            np.testing.assert_allclose(np.asarray(movie.convert("RGB")).astype(int), frame(number), atol=8)
    assert sum(lengths) == pytest.approx(20 / 12 * 1000, abs=10)


def test_frames_that_are_the_same_last_longer_in_a_gif(tmp_path):
    with write_movie(tmp_path / "still.gif", size=SIZE, fps=10) as movie:
        for _ in range(5):
            movie.add(frame(1))
    with Image.open(tmp_path / "still.gif") as still:
        assert still.n_frames == 1


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
@pytest.mark.parametrize("trouble", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_movie_leaves_no_file_and_an_earlier_one_as_it_was(tmp_path, suffix, trouble):
    path = tmp_path / f"movie{suffix}"
    path.write_bytes(b"earlier")
    why = "in the middle"

    def interrupted():
        with write_movie(path, size=SIZE, fps=10, overwrite=True) as movie:
            movie.add(frame(0))
            raise trouble(why)

    with pytest.raises(trouble, match=why):
        interrupted()
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_file_is_replaced_only_when_told(tmp_path):
    write(tmp_path / "movie.gif")
    with pytest.raises(DataError, match=r"exists already; give --overwrite"):
        write(tmp_path / "movie.gif")
    write(tmp_path / "movie.gif", count=3, overwrite=True)
    with Image.open(tmp_path / "movie.gif") as movie:
        assert movie.n_frames == 3


def test_paths_that_cannot_take_a_movie_are_told(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"let --out end in \.mp4 or \.gif"):
        check_movie_path(tmp_path / "movie.avi", overwrite=False)
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    with pytest.raises(DataError, match="is a folder"):
        check_movie_path(folder, overwrite=True)
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be written"):
        write(tmp_path / "file" / "movie.gif")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install 'xanesmap"):
        check_movie_path(tmp_path / "movie.mp4", overwrite=False)


def test_a_frame_of_another_size_is_a_mistake(tmp_path):
    with (
        pytest.raises(ValueError, match="does not fit 64 x 48"),
        write_movie(tmp_path / "movie.gif", size=SIZE, fps=10) as movie,
    ):
        movie.add(frame(0, size=(50, 64)))
    assert not list(tmp_path.iterdir())
