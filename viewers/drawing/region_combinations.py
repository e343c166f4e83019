"""Combinations of references ranked on the mean spectra of a result's phase labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xanesmap.errors import DataError
from xanesmap.phasemap.result import PhaseMap
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combinatorial import Criterion, RankedCombination, rank_combinations
from xanesmap.spectra.reference import Reference, covered_energies, sample_references
from xanesmap.viewers.drawing.label_spectra import label_spectra

_CONVINCING = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedRegions:
    """Ranked combinations of references for the regions of a result.

    Parameters
    ----------
    regions
        Names of the phase labels whose mean spectra were fitted.
    ranked
        The combinations, best first; their fractions are in the order of the regions.
    notes
        What was left out and what it means, one sentence each.
    """

    regions: tuple[str, ...]
    ranked: tuple[RankedCombination, ...]
    notes: tuple[str, ...]


def rank_regions(
    result: PhaseMap, references: Sequence[Reference], *, most: int = 3, criterion: Criterion = "bic"
) -> RankedRegions:
    """Rank combinations of references on the mean spectrum of every phase label.

    Parameters
    ----------
    result
        A result that kept its attenuation.
    references
        Spectra to choose from.
    most
        Most references in a combination.
    criterion
        As in `rank_combinations`.

    Raises
    ------
    DataError
        Attenuation that was not kept, no labelled voxel, or references that cover too few of the energies.
    FitError
        No combination that can be fitted.
    """
    if result.mu is None:
        message = f"result '{result.path}' did not keep its attenuation; run again with --keep-mu."
        raise DataError(message)
    spectra = label_spectra(result)
    if not spectra:
        message = f"result '{result.path}' has no voxel with a phase label, so there is no spectrum to fit."
        raise DataError(message)
    energies = np.asarray(result.attributes.get("energies_on_scale_ev", result.energies_ev), dtype=np.float64)
    used = covered_energies(references, energies, first_ev=0.0, last_ev=0.0)
    if np.count_nonzero(used) < most + 3:
        message = (
            f"the references cover {np.count_nonzero(used)} of {used.size} energies of '{result.path}' together, which "
            "is too few; give spectra of the same edge and range."
        )
        raise DataError(message)
    ranked = rank_combinations(
        np.stack([spectrum.mean[used] for spectrum in spectra], axis=1),
        sample_references(references, energies[used]),
        background_columns(energies[used]),
        names=[reference.name for reference in references],
        most=most,
        criterion=criterion,
    )
    return RankedRegions(
        regions=tuple(spectrum.name for spectrum in spectra),
        ranked=ranked,
        notes=_notes(result, ranked, left_out=energies[~used]),
    )


def _notes(result: PhaseMap, ranked: Sequence[RankedCombination], *, left_out: np.ndarray) -> tuple[str, ...]:
    notes = []
    if left_out.size:
        notes.append(f"{left_out.size} energies are beyond some reference and were left out.")
    own = next((row for row in ranked if set(row.names) == set(result.phases)), None)
    if own is not None and own.difference > _CONVINCING:
        notes.append(
            f"The references of the result ({' and '.join(result.phases)}) score {own.difference:.0f} above the best "
            f"combination ({' + '.join(ranked[0].names)}): the sample holds something else, or differs from them."
        )
    close = [row for row in ranked[1:] if row.difference < _CONVINCING]
    if close:
        notes.append(
            f"{len(close)} other combinations score within {_CONVINCING:.0f} of the best: they are not excluded."
        )
    return tuple(notes)
