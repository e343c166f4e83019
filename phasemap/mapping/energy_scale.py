"""The energy scale of a run: the recorded energies put on the scale of the references, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import FitError
from xanesmap.phasemap.config import SpectraConfig
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination_model import make_model
from xanesmap.spectra.elements import element_of_scan
from xanesmap.spectra.energy_offset import Drift, EnergyOffset, fit_energy_offset
from xanesmap.spectra.foil_calibration import read_foil
from xanesmap.spectra.reference import Reference, covered_energies, sample_references
from xanesmap.spectra.robust_energies import trusted_energies

FloatArray = NDArray[np.floating[Any]]
ScaleSource = Literal["given", "fitted", "foil", "as recorded"]

# Root mean square of what the references leave of the summed spectrum, over its edge step, from which an offset
# found with them is doubted.
_POOR_MISFIT = 0.02
# Share of the energies that an offset may be found without.
_MOST_LEFT_OUT = 0.15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EnergyScale:
    """Energies of a run on the scale of the references.

    Parameters
    ----------
    recorded_ev
        `(energy,)` energies as recorded, eV.
    offset_ev
        What is added to them, eV; at the middle of the scan where there is a drift.
    drift_ev
        Change of the offset from the first to the last energy, eV.
    sigma_ev
        Standard error of the offset, eV; None where it was given or nothing was found.
    source
        Where it comes from.
    covered
        `(energy,)` false where the offset moved an energy beyond a reference: it has no say in the fit.
    fit
        What the fit to the summed spectrum found, also where that was not used; None where none was made.
    voxels
        What the fit to single voxels found, where it has a share in the offset.
    remarks
        What was done, one sentence each.
    """

    recorded_ev: FloatArray
    offset_ev: float
    source: ScaleSource
    covered: NDArray[np.bool_]
    drift_ev: float = 0.0
    sigma_ev: float | None = None
    fit: EnergyOffset | None = None
    voxels: EnergyOffset | None = None
    remarks: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know, one sentence each."""
        return (*self.remarks, *_without_say(self.recorded_ev[~self.covered]))

    @property
    def energies_ev(self) -> FloatArray:
        """`(energy,)` energies on the scale of the references, eV."""
        return np.asarray(self.recorded_ev + _moves(self.recorded_ev.size, self.offset_ev, self.drift_ev))


def find_energy_scale(
    energies_ev: FloatArray,
    references: Sequence[Reference],
    settings: SpectraConfig,
    *,
    total: FloatArray | None = None,
) -> EnergyScale:
    """Energy scale that a configuration asks for.

    Parameters
    ----------
    energies_ev
        `(energy,)` energies as recorded, eV.
    references
        Reference spectra.
    settings
        Energy offset, foil and background.
    total
        `(energy,)` spectrum summed over the sample, in any unit; where it is not known yet, an offset that is to be
        fitted is taken as zero.

    Raises
    ------
    DataError
        A foil that cannot be read, or of no known edge.
    """
    recorded, asked = np.asarray(energies_ev, dtype=np.float64), settings.energy_offset_ev
    everywhere = np.ones(recorded.size, bool)
    if isinstance(asked, float):
        return EnergyScale(recorded_ev=recorded, offset_ev=asked, source="given", covered=everywhere)
    if settings.foil is not None:
        return _from_foil(recorded, references, settings.foil)
    if total is None:
        return EnergyScale(recorded_ev=recorded, offset_ev=0.0, source="as recorded", covered=everywhere)
    fit, bad = _fit(recorded, references, settings, total=total)
    if not fit.determined:
        return EnergyScale(
            recorded_ev=recorded,
            offset_ev=0.0,
            source="as recorded",
            covered=everywhere,
            fit=fit,
            remarks=(_kept(fit),),
        )
    return scale_of_fit(recorded, references, fit, remarks=(*_moved(fit), *_not_trusted(bad)))


def scale_of_fit(
    recorded_ev: FloatArray, references: Sequence[Reference], fit: EnergyOffset, *, remarks: Sequence[str]
) -> EnergyScale:
    """Energy scale with a fitted offset.

    Parameters
    ----------
    recorded_ev
        `(energy,)` energies as recorded, eV.
    references
        Reference spectra.
    fit
        The offset.
    remarks
        How it was found, one sentence each.
    """
    return EnergyScale(
        recorded_ev=recorded_ev,
        offset_ev=fit.offset_ev,
        drift_ev=fit.drift_ev,
        sigma_ev=fit.sigma_ev,
        source="fitted",
        covered=_covered(recorded_ev, references, offset_ev=fit.offset_ev, drift_ev=fit.drift_ev),
        fit=fit,
        remarks=tuple(remarks),
    )


def sample_on_scale(references: Sequence[Reference], scale: EnergyScale) -> FloatArray:
    """Values of references at the energies of a run.

    Parameters
    ----------
    references
        Reference spectra.
    scale
        Energy scale of the run.

    Returns
    -------
    `(phase, energy)` normalised absorption; where the offset moved an energy beyond a reference, the value at its end,
    for figures only.

    Raises
    ------
    DataError
        References that do not cover the energies as recorded.
    """
    sampled = np.empty((len(references), scale.recorded_ev.size))
    energies = scale.energies_ev
    # the offset apart from the drift, so that a refusal can name it
    steady = energies[scale.covered] - scale.offset_ev
    sampled[:, scale.covered] = sample_references(references, steady, energy_offset_ev=scale.offset_ev)
    for reference, values in zip(references, sampled, strict=True):
        values[~scale.covered] = np.interp(energies[~scale.covered], reference.energies_ev, reference.values)
    return sampled


def scale_facts(scale: EnergyScale) -> dict[str, Any]:
    """What the attributes of a result tell of its energy scale."""
    told: dict[str, Any] = {
        "source": scale.source,
        "offset_ev": scale.offset_ev,
        "sigma_ev": scale.sigma_ev,
        "drift_ev": scale.drift_ev,
        "energies_without_say_ev": scale.recorded_ev[~scale.covered],
    }
    if scale.fit is not None:
        names = ("fraction", "fraction_per_ev", "fraction_error", "misfit", "misfit_without", "doubt")
        curves = ("energies_ev", "spectrum", "fitted", "fitted_without")
        told["summed_spectrum"] = {name: getattr(scale.fit, name) for name in (*names, *curves)}
    if scale.voxels is not None:
        told["voxels"] = {name: getattr(scale.voxels, name) for name in ("offset_ev", "sigma_ev", "misfit")}
    return {
        "energy_offset_ev": scale.offset_ev,
        "energies_on_scale_ev": scale.energies_ev,
        "energy_scale": told,
    }


def _fit(
    recorded: FloatArray,
    references: Sequence[Reference],
    settings: SpectraConfig,
    *,
    total: FloatArray,
) -> tuple[EnergyOffset, FloatArray]:
    """Offset, and the energies left out of it because nothing describes the total spectrum there, eV."""
    drift: Drift = "linear" if settings.energy_offset_ev == "fit-drift" else "none"

    def fitted(used: NDArray[np.bool_]) -> EnergyOffset:
        return fit_energy_offset(total[used], references, recorded[used], background=settings.background, drift=drift)

    everywhere = np.ones(recorded.size, bool)
    first = fitted(everywhere)
    if drift == "linear" or not np.isfinite(first.misfit):
        return first, recorded[:0]
    trusted = _trusted(recorded, references, settings, total=total, offset_ev=first.offset_ev)
    if trusted.all() or np.count_nonzero(~trusted) > _MOST_LEFT_OUT * recorded.size:
        return first, recorded[:0]
    second = fitted(trusted)
    better = second.determined and second.sigma_ev < first.sigma_ev
    return (second, recorded[~trusted]) if better else (first, recorded[:0])


def _trusted(
    recorded: FloatArray,
    references: Sequence[Reference],
    settings: SpectraConfig,
    *,
    total: FloatArray,
    offset_ev: float,
) -> NDArray[np.bool_]:
    """Energies at which the references describe the total spectrum, moved by a first offset."""
    used = _covered(recorded, references, offset_ev=offset_ev, drift_ev=0.0)
    background = background_columns(recorded, kind=settings.background)[:, used]
    try:
        sampled = sample_references(references, recorded[used], energy_offset_ev=offset_ev)
        found = trusted_energies(total[used], make_model(sampled, background))
    except FitError:
        return np.ones(recorded.size, bool)
    trusted = np.ones(recorded.size, bool)
    trusted[used] = found
    return trusted


def _not_trusted(energies_ev: FloatArray) -> list[str]:
    if energies_ev.size == 0:
        return []
    listed = ", ".join(f"{energy:.1f}" for energy in energies_ev)
    return [f"The summed spectrum does not fit at {listed} eV, so the offset was found without."]


def _from_foil(recorded: FloatArray, references: Sequence[Reference], foil: str) -> EnergyScale:
    found = read_foil(foil, element=element_of_scan(recorded))
    covered = _covered(recorded, references, offset_ev=found.offset_ev, drift_ev=0.0)
    note = (
        f"The recorded energies were moved by {found.offset_ev:+.2f} +- {found.sigma_ev:.2f} eV, which puts the first "
        f"inflection of the foil ({found.inflection_ev:.2f} eV) at {found.edge_ev:.1f} eV; the references have to be "
        "on that scale too."
    )
    return EnergyScale(
        recorded_ev=recorded,
        offset_ev=found.offset_ev,
        sigma_ev=found.sigma_ev,
        source="foil",
        covered=covered,
        remarks=(note,),
    )


def _moves(n_energies: int, offset_ev: float, drift_ev: float) -> FloatArray:
    return np.asarray(offset_ev + drift_ev * np.linspace(-0.5, 0.5, n_energies))


def _covered(
    recorded: FloatArray, references: Sequence[Reference], *, offset_ev: float, drift_ev: float
) -> NDArray[np.bool_]:
    """Energies that stay within the references; those that were outside as recorded are for others to refuse."""
    moved = recorded + _moves(recorded.size, offset_ev, drift_ev)
    inside = covered_energies(references, moved, first_ev=0.0, last_ev=0.0)
    return np.asarray(inside | ~covered_energies(references, recorded, first_ev=0.0, last_ev=0.0))


def _moved(fit: EnergyOffset) -> list[str]:
    """Sentences on an offset that was found."""
    drift = f", with a drift of {fit.drift_ev:+.3f} +- {fit.drift_sigma_ev:.3f} eV" if fit.drift_sigma_ev else ""
    notes = [
        f"The recorded energies were moved by {fit.offset_ev:+.3f} +- {fit.sigma_ev:.3f} eV{drift} to the scale of the "
        f"references, found from the summed spectrum: it leaves {100 * fit.misfit:.2g} % of the edge step instead of "
        f"{100 * fit.misfit_without:.2g} %. {effect_of_error(fit)}"
    ]
    if fit.misfit > _POOR_MISFIT:
        notes.append(
            f"The references leave {100 * fit.misfit:.2g} % of the edge step of the summed spectrum unexplained, and "
            "what they do not describe can pass for an energy offset: check it with a foil, and the references."
        )
    return notes


def effect_of_error(fit: EnergyOffset) -> str:
    """Sentence on what the standard error of an offset does to the fractions."""
    steepest = float(np.abs(fit.fraction_per_ev).max())
    return (
        f"One eV changes the mean fractions by {steepest:.2f}, so the error of the offset adds "
        f"{steepest * fit.sigma_ev:.4f} to that of every fraction."
    )


def _kept(fit: EnergyOffset) -> str:
    return (
        f"The energy offset between scan and references was not fitted, because {fit.doubt}; the energies were used as "
        "recorded. Give --energy-offset or a foil where they are not on the scale of the references."
    )


def _without_say(energies_ev: FloatArray) -> list[str]:
    if energies_ev.size == 0:
        return []
    listed = ", ".join(f"{energy:.1f}" for energy in energies_ev[:5]) + (", ..." if energies_ev.size > 5 else "")
    return [
        f"The offset moves {energies_ev.size} energies ({listed} eV) beyond the references, so they have no say in the "
        "fit; references measured over a wider range would use them."
    ]
