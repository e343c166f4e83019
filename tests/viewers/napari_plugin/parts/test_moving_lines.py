import numpy as np
import pytest
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure

from xanesmap.viewers.napari_plugin.parts.moving_lines import MovingLines


@pytest.fixture
def canvas(qapp):
    return FigureCanvasQTAgg(Figure(figsize=(2, 2)))


def dark_columns(canvas):
    """Columns of the picture in which the panel holds something black."""
    return set(np.flatnonzero((np.asarray(canvas.buffer_rgba())[..., :3].max(axis=-1) < 60).any(axis=0)).tolist())


def test_a_line_moves_without_the_figure_being_drawn_again_and_leaves_nothing_behind(canvas):
    axes = canvas.figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 200), ylim=(0, 1))
    axes.set_axis_off()
    axes.axvline(20, color="black", lw=2)
    moving, drawn = MovingLines(canvas), []
    moving.take([axes.axvline(50, color="black", lw=2)])
    canvas.mpl_connect("draw_event", lambda _: drawn.append(1))
    canvas.draw()
    before = dark_columns(canvas)
    moving.lines[0].set_xdata([150, 150])
    moving.redraw()
    after = dark_columns(canvas)
    assert drawn == [1]
    shift = round(canvas.figure.bbox.width / 2)
    still = before & after
    assert {column + shift for column in before - still} == after - still != set()
    assert still, "the other line stays"
