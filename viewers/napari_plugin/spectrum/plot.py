"""Plot of spectra with a line at the energy of the slider; a click or a drag in it moves the slider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import napari
import numpy as np
from matplotlib.axes import Axes
from qtpy.QtWidgets import QVBoxLayout, QWidget

from xanesmap.viewers.napari_plugin.energy_slider import energy_step, show_energy
from xanesmap.viewers.napari_plugin.parts.figure_canvas import figure_canvas
from xanesmap.viewers.napari_plugin.parts.figure_theme import fit_margins, theme_of
from xanesmap.viewers.napari_plugin.parts.moving_lines import MovingLines
from xanesmap.viewers.napari_plugin.spectrum.drawing import LEFT_PT, DrawnSpectrum, draw_spectra, nearest_energy

_LEFT = 1


class SpectrumPlot(QWidget):
    """Curves in the colours of napari's theme.

    Parameters
    ----------
    viewer
        The viewer whose slider the line shows.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self._shown: Sequence[DrawnSpectrum] = ()
        self.canvas = figure_canvas((4.2, 4.0), least_px=(320, 240))
        self._moving = MovingLines(self.canvas)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        self.canvas.mpl_connect("resize_event", lambda event: fit_margins(event.canvas.figure, left_pt=LEFT_PT))
        for name in ("button_press_event", "motion_notify_event"):
            self.canvas.mpl_connect(name, self._on_mouse)
        self.show_spectra(())

    def show_spectra(self, shown: Sequence[DrawnSpectrum]) -> None:
        """Draw spectra."""
        self._shown = shown
        theme = theme_of(self.viewer)
        draw_spectra(self.canvas.figure, shown, theme=theme)
        self._moving.take(_energy_line(axes, theme.text) for axes in self.canvas.figure.axes)
        self._place_lines()
        self.canvas.draw()
        self.canvas.repaint()  # now, not after what else waits: a scene in 3-D may take seconds without a graphics card

    def repaint_theme(self, event: Any = None) -> None:
        """Draw again in the theme of the viewer."""
        del event
        self.show_spectra(self._shown)

    def mark_energy(self, event: Any = None) -> None:
        """Put the line where the slider is."""
        del event
        if self._place_lines():
            self._moving.redraw()

    @property
    def lines(self) -> list[Any]:
        """Lines at the energy of the slider, one in each panel."""
        return self._moving.lines

    def _place_lines(self) -> bool:
        """Put the lines where the slider is; False where they are there, or where there is nothing to show."""
        step, energies = energy_step(self.viewer), self.energies_ev
        if energies is None or step is None:
            return False
        places = [energies[min(step, energies.size - 1)]] * 2
        moves = [line for line in self.lines if not line.get_visible() or list(line.get_xdata()) != places]
        for line in moves:
            line.set_xdata(places)
            line.set_visible(True)
        return bool(moves)

    @property
    def energies_ev(self) -> np.ndarray | None:
        """(energy,) of what is shown; None where there are no spectra."""
        return self._shown[0].spectrum.energies_ev if self._shown and self.lines else None

    def _on_mouse(self, event: Any) -> None:
        held = event.button == _LEFT if event.name == "button_press_event" else _LEFT in (event.buttons or ())
        if held and event.xdata is not None and self.energies_ev is not None:
            show_energy(self.viewer, nearest_energy(self.energies_ev, event.xdata))


def _energy_line(axes: Axes, colour: str) -> Any:
    """A line that is not seen yet, and that the limits do not follow."""
    low, high = axes.get_xlim()
    axes.set_xlim(low, high)
    return axes.axvline((low + high) / 2, color=colour, lw=1, alpha=0.7, visible=False)
