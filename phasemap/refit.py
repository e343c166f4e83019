"""Fit reconstructed volumes, or the attenuation a result has kept, again: other references, no reconstruction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xanesmap.errors import DataError
from xanesmap.phasemap.config import RunConfig, make_config, merge
from xanesmap.phasemap.mapping.volume_input import is_result, takes_volumes
from xanesmap.phasemap.mapping.volume_mapping import map_volumes
from xanesmap.phasemap.progress import Progress, no_progress
from xanesmap.phasemap.result import PhaseMap, open_result
from xanesmap.spectra.reference import Reference


def refit_phases(
    source: str | Path | Sequence[str | Path],
    *,
    references: Mapping[str, str | Path] | None = None,
    out: str | Path | None = None,
    progress: Progress = no_progress,
    **settings: Any,
) -> PhaseMap:
    """Fit the phase fractions of a result or of reconstructed volumes into a new result.

    Parameters
    ----------
    source
        A result that kept its attenuation, or volumes of another program (files, folder or pattern).
    references
        Phase name to reference file, or to "bundled". Those of the result when not given, as they were stored in it;
        both bundled ones for volumes.
    out
        New result, a folder ending in `.zarr`; `<source>_refit.zarr` beside the source when not given. The source is
        never changed.
    progress
        Called with stage, steps done and steps of the stage.
    settings
        Any other key of `RunConfig`. Sections `spectra` and `phasemap` of a result hold where nothing else is given.

    Returns
    -------
    The new result. Error bars come from counting statistics where the result has kept its noise, and from residuals
    otherwise; its attribute `fraction_sigma_from` says which.

    Raises
    ------
    DataError
        Input that cannot be used, raw frames, or a result that did not keep its attenuation.
    FitError
        References that cannot be told apart, or too few energies to leave a residual.
    """
    sources = [str(source)] if isinstance(source, str | Path) else [str(item) for item in source]
    earlier = open_result(sources[0]) if len(sources) == 1 and is_result(sources[0]) else None
    asked: dict[str, Any] = {"scan": sources, "out": None if out is None else str(out), **settings}
    if references is not None:
        named = {name: str(file) for name, file in references.items()}
        asked["spectra"] = {**asked.get("spectra", {}), "references": named}
    kept_settings = {} if earlier is None else _settings_of(earlier, asked.get("spectra", {}).get("references"))
    config = make_config(merge(kept_settings, asked))
    if not takes_volumes(config):
        message = (
            f"{sources[0]}: holds neither reconstructed volumes nor a result with its attenuation, so there is "
            "nothing to fit again. For raw frames use 'xanesmap run' (map_phases)."
        )
        raise DataError(message)
    if config.out is None:
        config = config.model_copy(update={"out": str(_default_out(config))})
    kept = _stored_references(earlier, config) if earlier is not None else None
    return map_volumes(config, references=kept, progress=progress)


def _settings_of(earlier: PhaseMap, references: Mapping[str, str] | None) -> dict[str, Any]:
    """What the fit of a result was told, its energy offset as it was used.

    An offset that was fitted belongs to its references: with others, and with a drift, it is fitted again.
    """
    told = earlier.attributes.get("configuration", {})
    spectra = dict(told.get("spectra", {}))
    offset, asked = earlier.attributes.get("energy_offset_ev"), spectra.get("energy_offset_ev")
    is_same = references is None or references == spectra.get("references")
    belongs = spectra.get("foil") is not None or (is_same and asked != "fit-drift")
    if isinstance(offset, int | float) and (belongs or not isinstance(asked, str)):
        spectra["energy_offset_ev"] = offset
    return {"spectra": spectra, "phasemap": dict(told.get("phasemap", {}))}


def _stored_references(earlier: PhaseMap, config: RunConfig) -> list[Reference] | None:
    """References as a result holds them, unless others are asked for: their files may have moved since."""
    told = earlier.attributes.get("configuration", {}).get("spectra", {}).get("references")
    if told is None or list(told.items()) != list(config.spectra.references.items()):
        return None
    return [
        Reference(
            name=stored["name"],
            energies_ev=np.asarray(stored["energies_ev"], np.float64),
            values=np.asarray(stored["values"], np.float64),
            source=stored["source"],
        )
        for stored in earlier.attributes["references"]
    ]


def _default_out(config: RunConfig) -> Path:
    first = Path(config.scan[0]).resolve()
    name = first.name if first.is_dir() else first.stem if first.is_file() else first.parent.name
    place = first.parent if first.exists() else first.parent.parent
    return place / f"{name.removesuffix('.zarr')}_refit.zarr"
