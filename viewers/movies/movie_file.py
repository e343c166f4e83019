"""Movies written to files, mp4 or gif: whole or not at all."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError

Frame = NDArray[np.uint8]
"""(row, column, 3) red, green, blue."""
SUFFIXES = (".mp4", ".gif")

_QUALITY = 8  # of 10
_LEAST_GIF_STEP_MS = 20  # browsers slow down whatever is faster


class _Writer(Protocol):
    def add(self, frame: Frame) -> None: ...
    def finish(self) -> None: ...
    def give_up(self) -> None: ...


class Movie:
    """A movie that is being written; give its frames to `add`."""

    def __init__(self, writer: _Writer, size: tuple[int, int]) -> None:
        self._writer = writer
        self.size = size
        """(height, width) of a frame."""
        self.frames = 0
        """Frames written so far."""

    def add(self, frame: NDArray[Any]) -> None:
        """Append a frame, (row, column, 3 or 4), 0 to 255, of the size of the movie."""
        if frame.shape[:2] != self.size:
            message = f"a frame of {frame.shape[1]} x {frame.shape[0]} does not fit {self.size[1]} x {self.size[0]}"
            raise ValueError(message)
        self._writer.add(np.ascontiguousarray(frame[..., :3], dtype=np.uint8))
        self.frames += 1


def check_movie_path(path: str | Path, *, overwrite: bool) -> Path:
    """The path of a movie that can be written.

    Parameters
    ----------
    path
        Ending in ``.mp4`` or ``.gif``.
    overwrite
        Whether a file there may be replaced.

    Raises
    ------
    DataError
        Another suffix, a file that exists, or an mp4 without its encoder.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        message = f"movie '{path}' has no format that can be written; let --out end in {' or '.join(SUFFIXES)}."
        raise DataError(message)
    refuse_existing(path, overwrite=overwrite)
    if path.suffix.lower() == ".mp4" and importlib.util.find_spec("imageio_ffmpeg") is None:
        message = (
            f"movie '{path}' needs an encoder that is not installed: pip install 'xanesmap[napari]', or let --out end "
            "in .gif."
        )
        raise DataError(message)
    return path


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise `DataError` where there is a file, or a folder, that may not be replaced."""
    if path.is_dir():
        message = f"'{path}' is a folder; give the name of a file with --out."
        raise DataError(message)
    if path.exists() and not overwrite:
        message = f"'{path}' exists already; give --overwrite to replace it, or another --out."
        raise DataError(message)


@contextmanager
def write_movie(path: str | Path, *, size: tuple[int, int], fps: float, overwrite: bool = False) -> Iterator[Movie]:
    """Write a movie beside its place, and move it there when the block ends; leave nothing where it fails.

    Parameters
    ----------
    path
        Ending in ``.mp4`` or ``.gif``; missing folders are made.
    size
        (height, width) of a frame, even.
    fps
        Frames per second; a gif counts in hundredths of a second, and no browser shows more than 50.
    overwrite
        Whether a file there may be replaced.

    Yields
    ------
    Movie
        Takes the frames.

    Raises
    ------
    DataError
        The path cannot take a movie, or the disk is full.
    """
    path = check_movie_path(path, overwrite=overwrite)
    partial = path.with_name(path.name + ".partial")
    writer: _Writer | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = _Mp4(partial, size, fps) if path.suffix.lower() == ".mp4" else _Gif(partial, fps)
        yield Movie(writer, size)
        writer.finish()
        partial.replace(path)
    except OSError as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1]
        message = f"movie '{path}' cannot be written ({reason}); choose another place with --out."
        raise DataError(message) from error
    finally:
        if writer is not None:
            writer.give_up()
            partial.unlink(missing_ok=True)


class _Mp4:
    """H.264 through the encoder that imageio-ffmpeg brings."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        import imageio_ffmpeg

        start: Callable[..., Generator[None, Any, None]] = imageio_ffmpeg.write_frames
        self._frames = start(
            str(path),
            (size[1], size[0]),
            fps=fps,
            quality=_QUALITY,
            macro_block_size=2,
            output_params=["-f", "mp4", "-movflags", "+faststart"],
            ffmpeg_log_level="error",
        )
        self._frames.send(None)

    def add(self, frame: Frame) -> None:
        self._frames.send(frame)

    def finish(self) -> None:
        self._frames.close()

    def give_up(self) -> None:
        self._frames.close()


class _Gif:
    """Pillow's writer; it joins frames that are the same into one that lasts longer."""

    def __init__(self, path: Path, fps: float) -> None:
        self._path, self._fps = path, fps
        self._frames: list[Any] = []

    def add(self, frame: Frame) -> None:
        from PIL import Image

        self._frames.append(Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE))

    def finish(self) -> None:
        ends = np.rint(np.arange(len(self._frames) + 1) * 100.0 / self._fps) * 10.0  # hundredths of a second, in ms
        steps = np.maximum(np.diff(ends), _LEAST_GIF_STEP_MS).astype(int).tolist()
        first, *rest = self._frames
        first.save(self._path, format="GIF", save_all=True, append_images=rest, duration=steps, loop=0, optimize=False)

    def give_up(self) -> None:
        self._frames.clear()
