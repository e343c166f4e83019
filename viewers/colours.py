"""Colours of phases: LiFePO4 green and FePO4 gold as in the field, in maps that also read in grey.

The two-phase map runs from gold to green through CIELAB, so its lightness falls evenly: a print in grey and a
reader with any colour-vision deficiency still see which end is which.
"""

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import Colormap, ListedColormap
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab

from xanesmap.phasemap.storage.layers import label_colours

OUTSIDE = "#ffffff"
"""Colour outside the mask."""

CATEGORIES = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"),
    *("#000000", "#7f7f7f", "#8c564b", "#bcbd22", "#5254a3", "#c49c94"),
)
"""Colours of clusters and components: Okabe and Ito's, and greys and browns for the rare case of more."""

_PALE_LIGHTNESS = 94.0
"""CIELAB lightness of fraction 0 in the map of a single phase."""

_STEPS = 256

_FORMULA = re.compile(r"(?:[A-Z][a-z]?(?:\d+(?:\.\d+)?)?)+")


def phase_colours(phases: Sequence[str]) -> NDArray[np.float64]:
    """(label, 3) red, green, blue from 0 to 1 of the phase labels 1, 2, ...: the phases, then mixed."""
    return np.array(label_colours(tuple(phases))) / 255


def fraction_map(phases: Sequence[str], phase: int) -> Colormap:
    """Colour map of the fraction of one phase, from 0 to 1.

    Parameters
    ----------
    phases
        Names of all phases.
    phase
        Index of the phase shown.

    Returns
    -------
    Colormap
        Of two phases: from the colour of the other to the colour of this one; otherwise from a pale tint to
        the colour of this one. Values outside 0 to 1 take the end colours; NaN is `OUTSIDE`.
    """
    lab = rgb2lab(phase_colours(phases)[:-1])  # (phase, 3)
    end = lab[phase]
    start = lab[1 - phase] if len(phases) == 2 else np.array([_PALE_LIGHTNESS, *end[1:] * 0.1])
    ramp = np.linspace(0, 1, _STEPS)[:, np.newaxis]
    colours = np.clip(lab2rgb(start + (end - start) * ramp), 0, 1)
    return ListedColormap(colours).with_extremes(bad=OUTSIDE)


def label_map(phases: Sequence[str]) -> Colormap:
    """Colour map of the phase labels 1, 2, ..., 0 being masked out by the caller or NaN."""
    return ListedColormap(phase_colours(phases)).with_extremes(bad=OUTSIDE)


def composite(
    fractions: NDArray[np.floating], weight: NDArray[np.floating], phases: Sequence[str]
) -> NDArray[np.float64]:
    """Mix the colours of the phases by their fractions.

    Parameters
    ----------
    fractions
        (phase, row, column), NaN outside the mask.
    weight
        (row, column) from 0 (`OUTSIDE` shows through) to 1.
    phases
        Names of the phases.

    Returns
    -------
    ndarray
        (row, column, 3) red, green, blue from 0 to 1, mixed in CIELAB.
    """
    share = np.clip(np.nan_to_num(fractions), 0, None)
    share /= np.maximum(share.sum(axis=0), np.finfo(np.float32).tiny)
    colours = rgb2lab(phase_colours(phases)[:-1])
    mixed = lab2rgb(np.einsum("p...,pc->...c", share, colours))
    opacity = np.clip(np.where(np.isfinite(fractions).all(axis=0), weight, 0), 0, 1)[..., np.newaxis]
    blended: NDArray[np.float64] = np.clip(mixed * opacity + (1 - opacity), 0, 1)
    return blended


def formula_text(name: str) -> str:
    """Name with the numbers of a chemical formula as subscripts, in Matplotlib's mathtext."""
    if not _FORMULA.fullmatch(name):
        return name
    return re.sub(r"(\d+(?:\.\d+)?)", r"$_{\1}$", name)
