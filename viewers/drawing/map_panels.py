"""Panels of a slice: a map with its colour bar, for figures of several quantities side by side."""

from __future__ import annotations

from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xanesmap.viewers.colours import OUTSIDE

FloatArray = NDArray[np.floating[Any]]


def draw_map(
    figure: Figure,
    axes: Axes,
    image: FloatArray,
    *,
    title: str,
    norm: Normalize,
    colours: str,
    place: Literal["beside", "above"] = "beside",
) -> None:
    """Draw a slice, x to the right and y downwards, with its colour bar.

    Parameters
    ----------
    figure, axes
        Where.
    image
        `(y, x)`, NaN outside the mask.
    title
        What is shown, with the unit.
    norm, colours
        How values become colours, the latter by the name of a colour map.
    place
        Where the title goes: along the colour bar, or above the map where panels stand close.
    """
    shown = axes.imshow(
        image, norm=norm, cmap=mpl.colormaps[colours].with_extremes(bad=OUTSIDE), interpolation="nearest"
    )
    axes.set(xticks=[], yticks=[], xlabel="x →", ylabel="y\n↓")
    axes.yaxis.label.set(rotation=0, ha="right", va="center")
    figure.colorbar(shown, ax=axes, fraction=0.045, pad=0.03, extend="both", label=title if place == "beside" else "")
    if place == "above":
        axes.set_title(title, loc="right", fontsize=7, pad=3)


def percentile_norm(values: FloatArray) -> Normalize:
    """Colours from the first to the last percent of finite values."""
    low, high = np.nanpercentile(values, [1, 99]) if np.isfinite(values).any() else (0.0, 1.0)
    return Normalize(float(low), float(high))


def signed_norm(values: FloatArray, *, least: float) -> TwoSlopeNorm:
    """Colours about zero that reach the last percent of finite values, and at least `least`."""
    limit = float(np.nanpercentile(np.abs(values), 99)) if np.isfinite(values).any() else least
    return TwoSlopeNorm(0, -max(limit, least), max(limit, least))
