"""Elements whose K edges full-field microscopes scan: edge energy, windows and cross sections."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]
Window = tuple[float, float]
ElementSymbol = Literal["Mn", "Fe", "Co", "Ni", "Cu"]

ELEMENTS: Final[tuple[ElementSymbol, ...]] = get_args(ElementSymbol)
"""Elements with a preset, in order of their edges."""

# Relative to the edge, eV. Choices that hold for oxides and phosphates of all five: half-edge energies lie 5 to 18 eV
# above that of the metal, white lines 10 to 25 eV; a pre-edge peak of transition metals lies 0 to 5 eV above it.
_PRE_EDGE_EV: Final = (-150.0, -6.0)
_RISE_EV: Final = (-5.0, 25.0)
_WHITE_LINE_EV: Final = (8.0, 35.0)
_POST_EDGE_EV: Final = (45.0, 200.0)
# The tables put the step a few meV above the edge.
_BESIDE_EV: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """What is known of an absorption edge before any measurement.

    Parameters
    ----------
    symbol
        Chemical symbol.
    edge_ev
        K edge in eV: the first inflection of the metal foil.
    edge_step_cm2_g
        Height of the edge in the mass attenuation coefficient of the element, cm2/g.
    jump_ratio
        Attenuation just above over just below the edge.
    pre_edge_ev, rise_ev, white_line_ev, post_edge_ev
        First and last energy in eV of where the line before the edge is taken, where the edge rises, where its white
        line is looked for, and where the line after it is taken.
    """

    symbol: ElementSymbol
    edge_ev: float
    edge_step_cm2_g: float
    jump_ratio: float
    pre_edge_ev: Window
    rise_ev: Window
    white_line_ev: Window
    post_edge_ev: Window

    def attenuation_cm2_g(self, energies_ev: ArrayLike) -> FloatArray:
        """Mass attenuation coefficient of the element without fine structure.

        Parameters
        ----------
        energies_ev
            `(...)` photon energies in eV.

        Returns
        -------
        `(...)` in cm2/g.
        """
        return _attenuation_cm2_g(self.symbol, np.asarray(energies_ev, dtype=np.float64))


@cache
def element_preset(symbol: str) -> Element:
    """Edge, windows and cross sections of an element.

    Parameters
    ----------
    symbol
        "Mn", "Fe", "Co", "Ni" or "Cu".

    Raises
    ------
    DataError
        If there is no such preset.

    References
    ----------
    Edge energies and cross sections: W. T. Elam, B. D. Ravel, J. R. Sieber, Radiat. Phys. Chem. 63, 121 (2002),
    doi:10.1016/S0969-806X(01)00227-4, as distributed with xraydb.
    """
    if symbol not in ELEMENTS:
        message = f"element {symbol!r} was asked for; there are presets of the K edges of {', '.join(ELEMENTS)}."
        raise DataError(message)
    import xraydb  # reading its database takes longer than everything else here

    edge = float(xraydb.xray_edge(symbol, "K").energy)
    below, above = _attenuation_cm2_g(symbol, np.array([edge - _BESIDE_EV, edge + _BESIDE_EV]))
    windows = ((edge + a, edge + b) for a, b in (_PRE_EDGE_EV, _RISE_EV, _WHITE_LINE_EV, _POST_EDGE_EV))
    pre_edge, rise, white_line, post_edge = windows
    return Element(
        symbol=symbol,
        edge_ev=edge,
        edge_step_cm2_g=float(above - below),
        jump_ratio=float(above / below),
        pre_edge_ev=pre_edge,
        rise_ev=rise,
        white_line_ev=white_line,
        post_edge_ev=post_edge,
    )


def element_of_scan(energies_ev: ArrayLike) -> Element:
    """Element whose K edge lies within a scan.

    Parameters
    ----------
    energies_ev
        `(energy,)` photon energies in eV.

    Raises
    ------
    DataError
        If none or several of the edges lie within.
    """
    energies = np.asarray(energies_ev, dtype=np.float64)
    inside = [symbol for symbol in ELEMENTS if energies.min() < element_preset(symbol).edge_ev < energies.max()]
    if len(inside) != 1:
        message = (
            f"the energies run from {energies.min():.1f} to {energies.max():.1f} eV, within which lie the K edges of "
            f"{' and '.join(inside) or 'no element with a preset'}; name the element ({', '.join(ELEMENTS)})."
        )
        raise DataError(message)
    return element_preset(inside[0])


def _attenuation_cm2_g(symbol: str, energies_ev: FloatArray) -> FloatArray:
    import xraydb

    return np.asarray(xraydb.mu_elam(symbol, energies_ev), dtype=np.float64)
