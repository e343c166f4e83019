"""X-ray absorption of LiFePO4 and FePO4 across the Fe K edge, as a formula.

The normalised spectra are an arctangent edge and eight Gaussians per phase, fitted by least squares to
measured spectra: the Fe library of November 2021 from NSLS-II beamline HXN (A. Pattammattel et al.,
Sci. Adv. 6, eabb3615 (2020), doi:10.1126/sciadv.abb3615), published under the MIT licence in the repository
nano-XANES-microscopy-of-Fe ((c) 2022 stetef). The root mean square deviation from the measurement is 0.004
(LiFePO4) and 0.005 (FePO4), the largest 0.012 and 0.015. The single terms have no physical meaning. The
measured "FePO4" is an iron(III) phosphate powder: an end member for Fe(III) in phosphate, not a certified
heterosite.

The absolute scale comes from tabulated cross sections: W. T. Elam, B. D. Ravel, J. R. Sieber, Radiat. Phys.
Chem. 63, 121 (2002), doi:10.1016/S0969-806X(01)00227-4, as distributed with xraydb.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]
Phase = Literal["LiFePO4", "FePO4"]

EDGE_ENERGY_EV: Final = 7112.0
"""Fe K edge in eV (first inflection of the metal foil; Elam 2002)."""

VALID_RANGE_EV: Final = (7092.0, 7199.0)
"""Photon energies in eV over which the formula was fitted to measurements."""

_RELAXATION_EV: Final = 10.0
"""Length in eV over which the formula is led from its value at the end of its range to the step of 1.

A choice, not a measurement: shorter than the last oscillation, so that 1 is reached within a few tens of eV;
long enough that nothing looks like an edge.
"""

_BELOW_EDGE_SPAN_EV: Final = (7000.0, 7111.0)
"""Photon energies in eV between which the power law of the below-edge attenuation is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeShape:
    """Parameters of a normalised spectrum: an arctangent and a sum of Gaussians.

    Parameters
    ----------
    centre_ev, width_ev, height
        Arctangent edge: inflection in eV, half width in eV, height unitless.
    peaks
        `(peak, 3)` amplitude (unitless), centre (eV) and standard deviation (eV) of each Gaussian.
    """

    centre_ev: float
    width_ev: float
    height: float
    peaks: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseConstants:
    """What is known of a dense phase.

    Parameters
    ----------
    name
        Chemical formula; also the name of the phase.
    density_g_cm3
        Mass density in g/cm3. The unit cells (Pnma, four formula units; 10.3290 x 6.0065 x 4.6908 and
        9.8142 x 5.7893 x 4.7820 cubic angstrom) give 3.601 and 3.687.
    molar_mass_g_mol
        Molar mass in g/mol (standard atomic weights). Both formulae hold one iron atom.
    shape
        Normalised spectrum at the Fe K edge.
    """

    name: Phase
    density_g_cm3: float
    molar_mass_g_mol: float
    shape: EdgeShape

    @property
    def molar_volume_cm3(self) -> float:
        """Volume in cm3 that holds one mole of formula units, thus one mole of iron."""
        return self.molar_mass_g_mol / self.density_g_cm3

    @property
    def edge_step_per_um(self) -> float:
        """Height of the Fe K edge in 1/um: what one unit of normalised absorption attenuates."""
        return _edge_step_per_um(self.name)

    @property
    def below_edge_per_um(self) -> float:
        """Attenuation in 1/um just below the Fe K edge, of all electrons but the two K electrons of iron."""
        return _below_edge_power_law(self.name)[0]


PHASES: Final[Mapping[Phase, PhaseConstants]] = MappingProxyType(
    {
        "LiFePO4": PhaseConstants(
            name="LiFePO4",
            density_g_cm3=3.60,
            molar_mass_g_mol=157.755,
            shape=EdgeShape(
                centre_ev=7124.3271,
                width_ev=1.1604,
                height=0.8819,
                peaks=(
                    (0.0234, 7113.1806, 1.1303),
                    (0.6489, 7127.7407, 1.8995),
                    (0.1462, 7132.0483, 1.5851),
                    (0.2143, 7134.3465, 6.9882),
                    (-0.1347, 7156.1225, 5.9584),
                    (0.2158, 7173.0709, 17.8795),
                    (-0.0109, 7194.1013, 2.4231),
                    (0.7940, 7123.2393, 2.1998),
                ),
            ),
        ),
        "FePO4": PhaseConstants(
            name="FePO4",
            density_g_cm3=3.68,
            molar_mass_g_mol=150.815,
            shape=EdgeShape(
                centre_ev=7124.3348,
                width_ev=1.0317,
                height=0.8,
                peaks=(
                    (0.0250, 7114.7946, 0.8875),
                    (0.3168, 7130.4900, 1.7993),
                    (0.3033, 7132.8741, 2.4639),
                    (0.5842, 7138.1692, 4.8432),
                    (-0.1224, 7165.3598, 5.8960),
                    (0.3143, 7189.1469, 19.9996),
                    (-0.1418, 7125.6036, 1.1272),
                    (0.2401, 7148.4160, 6.2043),
                ),
            ),
        ),
    }
)
"""The two phases of a LiFePO4 electrode, by name."""


def normalised_absorption(phase: Phase, energies_ev: ArrayLike) -> FloatArray:
    r"""Edge-normalised absorption of a phase at the Fe K edge: 0 below the edge, 1 far above it.

    Parameters
    ----------
    phase
        "LiFePO4" or "FePO4".
    energies_ev
        `(...)` photon energies in eV.

    Returns
    -------
    `(...)` normalised absorption, unitless. Within 7092-7199 eV the fitted formula

    .. math:: h [\arctan((E-e_0)/w) - \arctan((7092-e_0)/w)]/\pi + \sum_i A_i \exp(-(E-c_i)^2 / 2 s_i^2);

    exactly 0 below 7092 eV (where the formula starts at less than 1e-5). Above 7199 eV nothing was measured:
    the last value decays to the step of 1 as exp(-(E - 7199 eV) / 10 eV), a curve without a jump.

    Raises
    ------
    DataError
        If the phase is unknown or an energy is not finite.
    """
    shape = phase_constants(phase).shape
    energies = np.asarray(energies_ev, dtype=np.float64)
    if not np.isfinite(energies).all():
        message = f"absorption of {phase} was asked at an energy that is not a finite number; give finite eV."
        raise DataError(message)
    start, stop = VALID_RANGE_EV
    inside = _evaluate(shape, np.clip(energies, start, stop))
    beyond = np.maximum(energies - stop, 0.0)
    return np.where(energies < start, 0.0, 1.0 + (inside - 1.0) * np.exp(-beyond / _RELAXATION_EV))


def attenuation_per_um(phase: Phase, energies_ev: ArrayLike) -> FloatArray:
    """Linear attenuation coefficient of the dense phase, everything in it included.

    Parameters
    ----------
    phase
        "LiFePO4" or "FePO4".
    energies_ev
        `(...)` photon energies in eV, near the Fe K edge (7112 eV).

    Returns
    -------
    `(...)` attenuation in 1/um: a below-edge power law (the energy to the power of -2.82), continued across
    the edge, plus the edge step times the normalised absorption.

    Raises
    ------
    DataError
        If the phase is unknown or an energy is not finite.
    """
    normalised = normalised_absorption(phase, energies_ev)
    below, exponent = _below_edge_power_law(phase)
    energies = np.asarray(energies_ev, dtype=np.float64)
    return below * (energies / EDGE_ENERGY_EV) ** exponent + _edge_step_per_um(phase) * normalised


def volume_fraction_from_iron_fraction(
    iron_fraction: ArrayLike, *, phases: Sequence[Phase] = ("LiFePO4", "FePO4")
) -> FloatArray:
    """Volume fraction of each phase from the fraction of iron atoms in it.

    A fit counts absorbing atoms. One iron atom takes more room in LiFePO4 (43.82 cm3/mol) than in FePO4
    (40.98 cm3/mol), so half the iron in each phase means 51.7 % of the volume in LiFePO4.

    Parameters
    ----------
    iron_fraction
        `(phase, ...)` fraction of the iron atoms in each phase, unitless; need not lie within [0, 1].
    phases
        Names of the phases along the first axis.

    Returns
    -------
    `(phase, ...)` fraction of the solid's volume, f_k V_k / sum_j f_j V_j with V the molar volume per iron
    atom; unitless, sums to 1. NaN where the fractions are NaN or the volume is zero.

    Raises
    ------
    DataError
        If a phase is unknown or the first axis does not match the phases.
    """
    fraction = np.asarray(iron_fraction, dtype=np.float64)
    molar_volumes = np.array([phase_constants(phase).molar_volume_cm3 for phase in phases])
    if fraction.ndim == 0 or fraction.shape[0] != len(phases):
        message = (
            f"fractions of {len(phases)} phases were asked for, the array has shape {fraction.shape}; "
            "put the phases along the first axis."
        )
        raise DataError(message)
    volumes = fraction * molar_volumes.reshape(-1, *(1,) * (fraction.ndim - 1))  # (phase, ...)
    total = volumes.sum(axis=0)
    result: FloatArray = np.divide(volumes, total, out=np.full_like(volumes, np.nan), where=total != 0.0)
    return result


def phase_constants(phase: Phase) -> PhaseConstants:
    """Constants of a phase by name.

    Parameters
    ----------
    phase
        "LiFePO4" or "FePO4".

    Returns
    -------
    The entry of `PHASES`.

    Raises
    ------
    DataError
        If the phase is unknown.
    """
    if phase not in PHASES:
        message = f"phase {phase!r} was asked for; known are {', '.join(PHASES)}."
        raise DataError(message)
    return PHASES[phase]


def _evaluate(shape: EdgeShape, energies_ev: FloatArray) -> FloatArray:
    start = np.arctan((VALID_RANGE_EV[0] - shape.centre_ev) / shape.width_ev)
    edge = shape.height / np.pi * (np.arctan((energies_ev - shape.centre_ev) / shape.width_ev) - start)
    amplitude, centre, width = np.array(shape.peaks).T  # each (peak,)
    offset = (energies_ev[..., np.newaxis] - centre) / width  # (..., peak)
    return np.asarray(edge + (amplitude * np.exp(-0.5 * offset**2)).sum(axis=-1))


def _tabulated_per_um(phase: Phase, energies_ev: tuple[float, ...]) -> FloatArray:
    """Attenuation in 1/um from the Elam tables, which know the edge step but no fine structure."""
    # Imported here: reading the database takes longer than everything else this package imports.
    import xraydb

    constants = PHASES[phase]
    per_cm = xraydb.material_mu(phase, np.array(energies_ev), density=constants.density_g_cm3, kind="total")
    return np.asarray(per_cm, dtype=np.float64) / 1e4


@cache
def _edge_step_per_um(phase: Phase) -> float:
    # The tables put the step a few meV above the edge energy; 0.1 eV costs 2e-5 of the step.
    below, above = _tabulated_per_um(phase, (EDGE_ENERGY_EV - 0.1, EDGE_ENERGY_EV + 0.1))
    return float(above - below)


@cache
def _below_edge_power_law(phase: Phase) -> tuple[float, float]:
    """Attenuation in 1/um just below the edge, and the power of the energy it falls with."""
    far, near = _BELOW_EDGE_SPAN_EV
    at_far, at_near = _tabulated_per_um(phase, (far, near))
    exponent = float(np.log(at_near / at_far) / np.log(near / far))
    return float(at_near * (EDGE_ENERGY_EV / near) ** exponent), exponent
