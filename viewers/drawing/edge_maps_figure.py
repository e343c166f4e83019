"""Edge positions and white lines in a slice of the sample, with their errors, and what the references leave."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from xanesmap.errors import DataError
from xanesmap.phasemap.result import PhaseMap
from xanesmap.viewers.drawing.figure_file import save_figure
from xanesmap.viewers.drawing.map_panels import draw_map, percentile_norm, signed_norm
from xanesmap.viewers.drawing.panels import PAGE_WIDTH_MM, STYLE, axes_at, heading, letter, new_figure, text_at
from xanesmap.viewers.drawing.slices import slice_position

_SHOWN = {
    "half_height": "half-height (eV)",
    "steepest": "steepest rise (eV)",
    "white_line": "white line (eV)",
    "white_line_height": "white line height",
    "edge_integral": "edge by area (eV)",
}
_WIDTH, _HEIGHT, _TOP, _STEP = 44.0, 44.0, 17.0, 62.0


def edge_maps_figure(result: PhaseMap) -> Figure:
    """Slices of the edge maps and of the residual component of a result.

    Parameters
    ----------
    result
        A result to which `map_second_opinion` has added them.

    Raises
    ------
    DataError
        They are not there, or the mask is empty.
    """
    position = slice_position(result)
    if result.edge_maps is None or result.residual_component is None or position is None:
        message = f"result '{result.path}' holds no edge maps; make them: xanesmap second-opinion {result.path}"
        raise DataError(message)
    with mpl.rc_context(STYLE):
        figure = new_figure(PAGE_WIDTH_MM, 2 * _STEP + _TOP - 2)
        heading(figure, "Edges of the voxels without references, and what the references leave")
        for number, (name, title) in enumerate(_SHOWN.items()):
            image = np.asarray(result.levels(name)[0][position.z])
            sigma = np.asarray(result.levels(f"{name}_sigma")[0][position.z])
            unit = f" ({result.attenuation_unit})".replace("um", "µm") if name == "white_line_height" else ""
            axes = axes_at(figure, *_corner(number), _WIDTH, _HEIGHT)
            draw_map(
                figure, axes, image, title=title + unit, norm=percentile_norm(image), colours="viridis", place="above"
            )
            letter(axes, number)
            error = float(np.nanmedian(sigma)) if np.isfinite(sigma).any() else np.nan
            text_at(
                figure,
                f"error of a voxel {error:.2g}",
                _corner(number)[0],
                _corner(number)[1] + _HEIGHT + 5,
                fontsize=7,
            )
        axes = axes_at(figure, *_corner(len(_SHOWN)), _WIDTH, _HEIGHT)
        left = np.asarray(result.levels("residual_component")[0][position.z])
        norm = signed_norm(left, least=3.0)
        draw_map(figure, axes, left, title="residual component (σ)", norm=norm, colours="RdBu_r", place="above")
        letter(axes, len(_SHOWN))
        text_at(figure, f"slice at z = {position.z * result.pixel_size_um:.2f} µm", 8, 2 * _STEP + _TOP - 5)
    return figure


def save_edge_maps_figure(result: PhaseMap, folder: Path) -> Path:
    """Draw the figure into a folder; its path."""
    path = folder / "edge_maps.png"
    save_figure(edge_maps_figure(result), path)
    return path


def _corner(number: int) -> tuple[float, float]:
    """Left and upper edge of a panel, mm."""
    row, column = divmod(number, 3)
    return 8 + 59.0 * column, _TOP + _STEP * row
