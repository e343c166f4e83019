"""Dock widget of pictures and movies: the present view for print, turning in a movie, or slice by slice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
)

from xanesmap.errors import DataError
from xanesmap.phasemap.progress import Progress
from xanesmap.viewers.movies.frame_plan import frame_count, frame_size
from xanesmap.viewers.movies.movie_file import write_movie
from xanesmap.viewers.movies.picture_file import write_picture
from xanesmap.viewers.movies.slice_movie import SlicePage, page_style, slice_frames
from xanesmap.viewers.movies.slice_stack import AXES, AxisName, read_stack
from xanesmap.viewers.movies.view_page import BACKGROUNDS, printed_size
from xanesmap.viewers.napari_plugin.layers.own_layers import shown_result
from xanesmap.viewers.napari_plugin.parts.docked_widget import DockedWidget
from xanesmap.viewers.napari_plugin.parts.latest_task import LatestTask
from xanesmap.viewers.napari_plugin.pictures.present_view import (
    frames_of_turn,
    page_of_view,
    picture_of_view,
    turn_of_view,
)

HINT = "Pictures show what the canvas shows, with a scale bar and colours of their own."
NO_RESULT = "No result of xanesmap is open, so there are no slices to go through."
_PRINT_MM = 110.0  # width at which the texts of a frame have their size in points
_MOTIONS = {
    "turn about z": "z",
    "turn about y": "y",
    "turn about x": "x",
    "turn about the vertical of the screen": "up",
    "slices through z": "slice z",
    "slices through y": "slice y",
    "slices through x": "slice x",
}
_FRAME_SIZES = ("1280x720", "1920x1080", "960x720", "640x480")


class MovieWidget(DockedWidget):
    """Saves pictures of the canvas and makes movies of it."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.work = LatestTask(self)
        self._open = ExitStack()
        self._frames: Iterator[Any] | None = None
        self._movie: Any = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._draw_next)
        self._arrange()
        self._connect()
        self.text.setText(HINT)

    def _arrange(self) -> None:
        self.width_mm, self.dpi = _number(10, 500, 85), _whole(50, 1200, 300)
        self.background = _choice(BACKGROUNDS)
        self.caption, self.scale_bar = QLineEdit(), QCheckBox("scale bar")
        self.scale_bar.setChecked(True)
        self.save = QPushButton("Save picture…")
        self.motion, self.size = _choice(_MOTIONS), _choice(_FRAME_SIZES)
        self.size.setEditable(True)
        self.seconds, self.fps = _number(0.2, 600, 8), _number(1, 50, 20)
        self.make, self.stop = QPushButton("Make movie…"), QPushButton("Stop")
        self.bar, self.text = QProgressBar(), QLabel()
        self.text.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addWidget(_group("Page", Background=self.background, Caption=self.caption, Scale=self.scale_bar))
        picture = _group("Picture", **{"Width (mm)": self.width_mm, "Dots per inch": self.dpi})
        picture.layout().addRow(self.save)
        layout.addWidget(picture)
        fields = {"Motion": self.motion, "Size": self.size, "Length (s)": self.seconds, "Frames per second": self.fps}
        movie = _group("Movie", **fields)
        buttons = QHBoxLayout()
        buttons.addWidget(self.make)
        buttons.addWidget(self.stop)
        movie.layout().addRow(buttons)
        layout.addWidget(movie)
        layout.addWidget(self.bar)
        layout.addWidget(self.text)
        layout.addStretch(1)
        self.setMinimumWidth(340)
        self._show_busy(busy=False)

    def _connect(self) -> None:
        self.save.clicked.connect(lambda _=False: self._ask("Picture (*.png *.tif)", "picture.png", self.save_picture))
        self.make.clicked.connect(lambda _=False: self._ask("Movie (*.mp4 *.gif)", "movie.mp4", self.make_movie))
        self.stop.clicked.connect(lambda _=False: self.stop_movie())
        self.work.progressed.connect(lambda _, done, total: self._tell(done, total))
        self.work.answered.connect(lambda path: self._finish(f"Written: {path}"))
        self.work.failed.connect(self._finish)
        self.at_the_end(self.work.end)
        self.at_the_end(self.stop_movie)

    @property
    def is_busy(self) -> bool:
        """Whether a movie is being made."""
        return bool(self.stop.isEnabled())

    def _ask(self, formats: str, name: str, action: Callable[[Path], None]) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Save as", name, formats)
        if chosen:
            action(Path(chosen))

    def save_picture(self, path: Path) -> None:
        """Write what the canvas shows; a file there is replaced, as the dialog has asked."""
        height, width = self.viewer.canvas.size
        size = printed_size(self.width_mm.value(), self.dpi.value(), aspect=width / height)
        try:
            page = page_of_view(self.viewer, size=size, dpi=self.dpi.value(), **self._page_options())
            write_picture(path, picture_of_view(self.viewer, page), dpi=self.dpi.value(), overwrite=True)
        except DataError as error:
            self.text.setText(str(error))
            return
        self.text.setText(f"Written: {path}, {size[1]} x {size[0]} pixels")

    def _page_options(self) -> dict[str, Any]:
        return {
            "background": self.background.currentText(),
            "caption": self.caption.text(),
            "scale_bar": self.scale_bar.isChecked(),
        }

    def make_movie(self, path: Path) -> None:
        """Begin a movie; a file there is replaced when it is whole."""
        try:
            size = frame_size(self.size.currentText())
            count = frame_count(self.seconds.value(), self.fps.value())
            motion = str(self.motion.currentData())
            if motion.startswith("slice"):
                axis = next(name for name in AXES if motion.endswith(name))
                self._begin_slices(path, axis, size, count)
            else:
                self._begin_turn(path, motion, size, count)
        except DataError as error:
            self._finish(str(error))

    def _begin_turn(self, path: Path, axis: str, size: tuple[int, int], count: int) -> None:
        """Draw frame by frame in the thread of the window, which alone may draw, with time for the user between."""
        options = self._page_options()
        if options["background"] == "transparent":
            options["background"] = "white"
        page = page_of_view(self.viewer, size=size, dpi=size[1] / (_PRINT_MM / 25.4), **options)
        self.viewer.dims.ndisplay = 3
        turn = turn_of_view(self.viewer, axis, count)
        self._movie = self._open.enter_context(write_movie(path, size=size, fps=self.fps.value(), overwrite=True))
        self._frames = frames_of_turn(self.viewer, page, turn)
        self._path, self._count = path, count
        self._show_busy(busy=True)
        self._timer.start(0)

    def _draw_next(self) -> None:
        if self._frames is None:
            return
        try:
            frame = next(self._frames, None)
            if frame is not None:
                self._movie.add(frame)
                self._tell(self._movie.frames, self._count)
                self._timer.start(0)
                return
            self._frames = None
            self._open.close()  # moves the movie to its place
        except DataError as error:
            self._abandon()
            self._finish(str(error))
            return
        self._finish(f"Written: {self._path}")

    def _begin_slices(self, path: Path, axis: AxisName, size: tuple[int, int], count: int) -> None:
        result = shown_result(self.viewer)
        if result is None:
            raise DataError(NO_RESULT)
        heading, fps = self.caption.text() or result.path.name, self.fps.value()

        def write(progress: Progress) -> Path:
            stack = read_stack(result, axis=axis)
            names = {"phases": result.phases, "label_names": result.label_names}
            page = SlicePage(page_style(stack, size=size, heading=heading, **names))
            with write_movie(path, size=size, fps=fps, overwrite=True) as movie:
                for frame in slice_frames(stack, page, count=count):
                    movie.add(frame)
                    progress("Draw frames", movie.frames, count)
            return path

        self._show_busy(busy=True)
        self.work.ask(write)

    def stop_movie(self) -> None:
        """Give a movie up; no file is left of it."""
        if not self.is_busy:
            return
        self.work.forget()
        self._abandon()
        self._finish("Stopped: no movie was written.")

    def _abandon(self) -> None:
        """Leave the movie as an error would, so that nothing is left of its file."""
        self._timer.stop()
        frames, self._frames = self._frames, None
        if frames is not None:
            frames.close()  # type: ignore[attr-defined]  # a generator
            abandoned = DataError("stopped")
            self._open.__exit__(DataError, abandoned, None)
        self._open = ExitStack()

    def _tell(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)

    def _finish(self, sentence: str) -> None:
        self._show_busy(busy=False)
        self.text.setText(sentence)

    def _show_busy(self, *, busy: bool) -> None:
        self.bar.setVisible(busy)
        self.bar.setValue(0)
        self.stop.setEnabled(busy)
        self.make.setEnabled(not busy)
        self.save.setEnabled(not busy)
        if busy:
            self.text.setText("Drawing …")


def _number(low: float, high: float, value: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setDecimals(1)
    box.setValue(value)
    return box


def _whole(low: int, high: int, value: int) -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    return box


def _choice(entries: Any) -> QComboBox:
    box = QComboBox()
    for text in entries:
        box.addItem(text, entries[text] if isinstance(entries, dict) else text)
    return box


def _group(title: str, **fields: Any) -> QGroupBox:
    group = QGroupBox(title)
    form = QFormLayout(group)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    for name, field in fields.items():
        form.addRow(name, field)
    return group
