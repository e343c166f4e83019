"""Which spectra are compared: pinned ones stay, the last one gives way to the next that is probed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xanesmap.viewers.napari_plugin.spectrum.drawing import CURVES, DrawnSpectrum
from xanesmap.viewers.napari_plugin.spectrum.probe import ProbedSpectrum


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listed:
    """A spectrum in the list."""

    spectrum: ProbedSpectrum
    colour: str
    is_pinned: bool = False


Listing = tuple[Listed, ...]


def with_probed(listing: Listing, spectrum: ProbedSpectrum, *, compare: bool = False) -> Listing:
    """Add a spectrum; it takes the place and colour of those not pinned, or stands beside them.

    Those of a result with other phases go.

    Parameters
    ----------
    listing
        Spectra so far.
    spectrum
        The new one.
    compare
        Whether those not pinned stay, and are pinned.
    """
    alike = (one for one in listing if one.spectrum.phases == spectrum.phases)  # as far as one table can hold them
    kept = tuple(replace(one, is_pinned=True) for one in alike if compare or one.is_pinned)
    return (*kept, Listed(spectrum=spectrum, colour=_free_colour(kept)))


def _free_colour(listing: Listing) -> str:
    """The colour that is used least, the earliest of several."""
    used = [one.colour for one in listing]
    return min(CURVES, key=used.count)


def changed(listing: Listing, index: int, *, is_pinned: bool, name: str) -> Listing:
    """Keep one spectrum or let it give way, and give it another name; an empty one leaves the name as it is."""
    one = listing[index]
    spectrum = replace(one.spectrum, name=name.strip() or one.spectrum.name)
    return (*listing[:index], replace(one, spectrum=spectrum, is_pinned=is_pinned), *listing[index + 1 :])


def without(listing: Listing, index: int) -> Listing:
    """Take one spectrum out."""
    return (*listing[:index], *listing[index + 1 :])


def as_drawn(listing: Listing, *, chosen: int | None = None) -> Sequence[DrawnSpectrum]:
    """Spectra for `draw_spectra`: components of the chosen one, or of a single one.

    Parameters
    ----------
    listing
        Spectra.
    chosen
        Index of the one that is selected.
    """
    detailed = 0 if len(listing) == 1 else chosen
    return [
        DrawnSpectrum(spectrum=one.spectrum, colour=one.colour, with_components=index == detailed)
        for index, one in enumerate(listing)
    ]
