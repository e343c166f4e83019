"""A spectrum from a file: which columns it is, the unit of its energies, and whether it is normalised.

Text files hold columns of numbers (csv, txt, dat, xmu, XDI, Athena's .nor); Athena projects (.prj) hold spectra by
name. Where a file records intensities instead of absorption, it is formed from them: -ln(itrans / i0) of a
transmission measurement, ifluor / i0 of a fluorescence measurement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.spectra.athena_project import ProjectSpectrum, is_project, read_project
from xanesmap.spectra.column_file import ColumnFile, read_columns

FloatArray = NDArray[np.floating[Any]]
State = Literal["raw", "normalised", "unknown"]
"""What a file says of a spectrum: absorption with its background, edge-normalised, or nothing."""

EV_RANGE: Final = (1000.0, 60000.0)
KEV_RANGE: Final = (2.0, 30.0)

_ENERGY_NAMES = ("energy", "e", "energy_ev", "en", "energies", "photon_energy")
_NORMALISED_NAMES = ("norm", "normalised", "normalized", "flat", "mu_norm", "munorm", "mutrans_norm", "normmutrans")
_RAW_NAMES = ("mutrans", "mufluor", "xmu", "mut", "muf", "xmu(trans)")
_EITHER_NAMES = ("mu", "mu(e)", "mux")  # titles of raw and of normalised columns alike
_I0_NAMES = ("i0", "io", "imonitor", "mon")
_TRANSMITTED_NAMES = ("itrans", "it", "i1")
_FLUORESCENCE_NAMES = ("ifluor", "if", "ifl", "fluor")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectrum:
    """A spectrum as a file holds it.

    Attributes
    ----------
    energies_ev
        `(point,)` photon energies in eV, in the order of the file.
    values
        `(point,)` absorption.
    source
        File, and column or name where one was chosen.
    state
        Whether it is raw or normalised, as far as the file says.
    notes
        What was done on reading it.
    """

    energies_ev: FloatArray
    values: FloatArray
    source: str
    state: State
    notes: tuple[str, ...] = ()


def read_spectrum(source: str | Path) -> Spectrum:
    """Read a spectrum from a text file or an Athena project.

    Parameters
    ----------
    source
        Path of the file. "path:column" chooses a column of a text file by name or by number (from 1), the ratio of
        two columns as "path:ifluor/i0", or a spectrum of a project by its name or number.

    Returns
    -------
    The spectrum. Energies from 1000 to 60000 are taken as eV, from 2 to 30 as keV.

    Raises
    ------
    DataError
        The file cannot be read, the choice is missing, ambiguous or unknown, or the energies have neither unit.
    """
    path, choice = _split_source(source)
    if is_project(path):
        return _project_spectrum(path, choice)
    return _column_spectrum(read_columns(path), choice)


def _split_source(source: str | Path) -> tuple[Path, str | None]:
    path = Path(source)
    file, separator, choice = str(source).rpartition(":")
    if path.exists() or not separator or not Path(file).exists():
        return path, None
    return Path(file), choice


def _project_spectrum(path: Path, choice: str | None) -> Spectrum:
    spectra = read_project(path)
    chosen = _choose(path, spectra, choice)
    energies, unit_note = _in_ev(chosen.energies_ev, f"{path}: the energy axis of {chosen.label!r}")
    shift = (f"energies shifted by {chosen.shift_ev:+.2f} eV, as the project says",) if chosen.shift_ev else ()
    return Spectrum(
        energies_ev=energies,
        values=chosen.values,
        source=f"{path}:{chosen.label.strip()}",
        state="normalised" if chosen.is_normalised else "raw",
        notes=(*unit_note, *shift),
    )


def _choose(path: Path, spectra: Sequence[ProjectSpectrum], choice: str | None) -> ProjectSpectrum:
    labels = [spectrum.label.strip() for spectrum in spectra]
    if choice is None and len(spectra) == 1:
        return spectra[0]
    if choice is not None and labels.count(choice.strip()) == 1:
        return spectra[labels.index(choice.strip())]
    if choice is not None and choice.isdigit() and 1 <= int(choice) <= len(spectra):
        return spectra[int(choice) - 1]
    listed = ", ".join(f"{number} {label}" for number, label in enumerate(labels, start=1))
    if choice is None:
        asked = f"holds {len(spectra)} spectra and none was chosen"
    else:
        asked = f"has {labels.count(choice.strip()) or 'no'} spectra named {choice!r}"
    message = f"{path} {asked}; write {path.name}:NAME or {path.name}:NUMBER with one of {listed}."
    raise DataError(message)


def _column_spectrum(table: ColumnFile, choice: str | None) -> Spectrum:
    if len(table.names) < 2:
        message = f"{table.path} has one column of numbers; give two, the energy and the absorption."
        raise DataError(message)
    energy_index = _find(table.names, _ENERGY_NAMES) or 0
    name = table.names[energy_index]
    energies, unit_note = _in_ev(table.values[energy_index], f"{table.path}: the energy column ({name})")
    if choice is not None:
        values, state = _chosen_column(table, choice)
        return Spectrum(
            energies_ev=energies, values=values, source=f"{table.path}:{choice}", state=state, notes=unit_note
        )
    values, state, formed = _default_column(table)
    return Spectrum(
        energies_ev=energies, values=values, source=str(table.path), state=state, notes=(*unit_note, *formed)
    )


def _chosen_column(table: ColumnFile, choice: str) -> tuple[FloatArray, State]:
    if choice in table.names[1:] or "/" not in choice:
        index = _column_index(table, choice)
        return table.values[index], _state_of(table.names[index])
    above, _, below = choice.partition("/")
    return _ratio(table, _column_index(table, above), _column_index(table, below)), "raw"


def _column_index(table: ColumnFile, choice: str) -> int:
    if choice in table.names[1:]:
        return table.names.index(choice, 1)
    if choice.isdigit() and 2 <= int(choice) <= len(table.names):
        return int(choice) - 1
    message = f"{table.path} has no column {choice!r}; choose one of {', '.join(table.names[1:])}."
    raise DataError(message)


def _default_column(table: ColumnFile) -> tuple[FloatArray, State, tuple[str, ...]]:
    """Absorption of a table, its state, and how it was formed."""
    names = table.names
    for known in (_NORMALISED_NAMES, _RAW_NAMES, _EITHER_NAMES):
        index = _find(names, known)
        if index is not None:
            return table.values[index], _state_of(names[index]), ()
    i0, transmitted, fluorescence = (
        _find(names, known) for known in (_I0_NAMES, _TRANSMITTED_NAMES, _FLUORESCENCE_NAMES)
    )
    if i0 is not None and transmitted is not None:
        values = -np.log(_positive(table, transmitted) / _positive(table, i0))
        return values, "raw", (f"absorption formed as -ln({names[transmitted]} / {names[i0]})",)
    if i0 is not None and fluorescence is not None:
        formed = f"absorption formed as {names[fluorescence]} / {names[i0]}"
        return _ratio(table, fluorescence, i0), "raw", (formed,)
    _require_choice(table)
    return table.values[1], _state_of(names[1]), ()


def _require_choice(table: ColumnFile) -> None:
    if table.path.suffix.lower() == ".nor" and len(table.names) > 2:
        message = (
            f"{table.path} holds {len(table.names) - 1} spectra and none was chosen; "
            f"write {table.path.name}:COLUMN with one of {', '.join(table.names[1:])}."
        )
        raise DataError(message)


def _state_of(name: str) -> State:
    lowered = name.lower()
    if lowered in _NORMALISED_NAMES:
        return "normalised"
    return "raw" if lowered in _RAW_NAMES else "unknown"


def _find(names: Sequence[str], known: Sequence[str]) -> int | None:
    lowered = [name.lower() for name in names]
    return next((lowered.index(name) for name in known if name in lowered), None)


def _ratio(table: ColumnFile, above: int, below: int) -> FloatArray:
    return np.asarray(table.values[above] / _positive(table, below))


def _positive(table: ColumnFile, index: int) -> FloatArray:
    values: FloatArray = table.values[index]
    bad = np.flatnonzero(~(values > 0))
    if bad.size:
        message = (
            f"{table.path}: column {table.names[index]!r} is {values[bad[0]]:g} at row {bad[0] + 1} ({bad.size} such "
            "rows), and an intensity is positive. Remove those rows, or choose another column."
        )
        raise DataError(message)
    return values


def _in_ev(energies: FloatArray, name: str) -> tuple[FloatArray, tuple[str, ...]]:
    if _all_within(energies, EV_RANGE):
        return energies, ()
    if _all_within(energies, KEV_RANGE):
        # Rounded to 1e-6 eV: 7.112 keV is 7112 eV, not 7112.000000000001.
        return np.round(energies * 1000.0, 6), ("energies converted from keV to eV",)
    span = f"runs from {energies.min():g} to {energies.max():g}" if energies.size else "is empty"
    message = (
        f"{name} {span}, which is neither an energy in eV ({EV_RANGE[0]:g}-{EV_RANGE[1]:g}) nor in keV "
        f"({KEV_RANGE[0]:g}-{KEV_RANGE[1]:g}); put the photon energy first, in one of the two units."
    )
    raise DataError(message)


def _all_within(values: FloatArray, limits: tuple[float, float]) -> bool:
    return bool(values.size and np.all((values >= limits[0]) & (values <= limits[1])))
