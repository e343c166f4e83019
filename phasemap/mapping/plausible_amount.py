"""The largest edge step that a material can have, against which amounts of uncertain unit are judged."""

from __future__ import annotations

import numpy as np
import xraydb
from numpy.typing import NDArray

from xanesmap.reconstruct.inspection import find_edge

_BESIDE_EDGE_EV = 50.0
# Solids denser in an element than the element itself are rare, and tables and reconstructions are off by less.
_MARGIN = 1.5
_PER_UM_OF_PER_CM = 1e-4


def pure_edge_step_per_um(edge: str, edge_ev: float) -> float:
    """Edge step of the pure element.

    Parameters
    ----------
    edge
        Such as `Fe K`.
    edge_ev
        Its energy, eV.

    Returns
    -------
    Difference of linear attenuation 50 eV above and below the edge, 1/um (tables of Elam, Ravel, Sieber 2002,
    doi:10.1016/S0969-806X(01)00227-4, and densities, by xraydb). For Fe K: 0.27.
    """
    element = edge.split()[0]
    below, above = (
        float(xraydb.mu_elam(element, edge_ev + step)) * float(xraydb.atomic_density(element))
        for step in (-_BESIDE_EDGE_EV, _BESIDE_EDGE_EV)
    )
    return (above - below) * _PER_UM_OF_PER_CM


def doubt_about_amount(amount_per_um: float, energies_ev: NDArray[np.float64]) -> str | None:
    """Say so when a sample would hold more of an element than the element itself does.

    Parameters
    ----------
    amount_per_um
        Typical edge step of the sample, 1/um.
    energies_ev
        `(energy,)` photon energies, eV; they tell the element.

    Returns
    -------
    A sentence, or None where the amount is possible or the element is not known.
    """
    found = find_edge(energies_ev)
    if found is None:
        return None
    edge, edge_ev = found
    largest = pure_edge_step_per_um(edge, edge_ev)
    if amount_per_um <= _MARGIN * largest:
        return None
    return (
        f"The typical edge step of the sample, {amount_per_um:.3g} 1/um, exceeds that of pure {edge.split()[0]}, "
        f"{largest:.2g} 1/um: the unit of attenuation or the voxel size is wrong. Fractions do not depend on them; "
        "give --volume-unit and --pixel-size-nm."
    )
