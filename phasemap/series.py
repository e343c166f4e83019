"""Results of one sample at several states of charge, in order, with the curve of the cell they belong to."""

from __future__ import annotations

import itertools
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xanesmap.errors import DataError
from xanesmap.phasemap.cell_curve import CellCurve, CurveColumns, read_cell_curve
from xanesmap.phasemap.result import PhaseMap, open_result

DESCRIPTIONS = (".toml", ".json")
"""Suffixes of files that describe a series."""

_SAME_PIXEL = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChargeState:
    """One result of a series."""

    result: PhaseMap
    name: str
    time_h: float | None = None
    """Hours on the clock of the curve."""
    capacity: float | None = None
    """Charge passed, in the unit of the series."""
    voltage_v: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """Results of one shape, in order."""

    name: str
    states: tuple[ChargeState, ...]
    capacity_unit: str
    curve: CellCurve | None = None

    def along(self, quantity: str) -> NDArray[np.float64]:
        """`(state,)` values of `time_h`, `capacity` or `voltage_v`; NaN where a state does not have it."""
        values = [getattr(state, quantity) for state in self.states]
        return np.array([np.nan if value is None else value for value in values], np.float64)


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _State(_Described):
    result: str
    name: str | None = None
    time_h: float | None = None
    capacity: float | None = None
    voltage_v: float | None = None


class _Curve(_Described):
    file: str
    time: str | None = None
    capacity: str | None = None
    voltage: str | None = None


class _Description(_Described):
    name: str | None = None
    capacity_unit: str = "mAh/g"
    state: Annotated[list[_State], Field(min_length=1)]
    curve: _Curve | None = None


def is_series(sources: Sequence[str | Path]) -> bool:
    """Whether several paths, or one of a description, name a series."""
    return len(sources) > 1 or (len(sources) == 1 and Path(sources[0]).suffix.lower() in DESCRIPTIONS)


def open_series(sources: Sequence[str | Path]) -> Series:
    """Open a series without reading its maps.

    Parameters
    ----------
    sources
        Results in order, or the one TOML or JSON file that describes a series: tables `state` with `result` and, where
        known, `name`, `time_h`, `capacity` and `voltage_v`; `curve` with `file` and, where they cannot be told from
        their titles, its columns; `capacity_unit`. Paths count from the folder of the file.

    Raises
    ------
    DataError
        A result or file that cannot be used, or results of different shapes, voxels or phases.
    """
    described = len(sources) == 1 and Path(sources[0]).suffix.lower() in DESCRIPTIONS
    series = _open_described(Path(sources[0])) if described else _open_results(sources)
    for before, after in itertools.pairwise(series.states):
        _require_alike(before.result, after.result)
    return series


def _open_results(sources: Sequence[str | Path]) -> Series:
    results = [open_result(source) for source in sources]
    if not results:
        message = "a series needs at least one result; none was given."
        raise DataError(message)
    states = tuple(ChargeState(result=result, name=result.path.stem) for result in results)
    return Series(name=results[0].path.parent.name, states=states, capacity_unit="mAh/g")


def _open_described(path: Path) -> Series:
    described = _read_description(path)
    folder = path.parent
    states = []
    for state in described.state:
        result = open_result(folder / state.result)
        places = {"time_h": state.time_h, "capacity": state.capacity, "voltage_v": state.voltage_v}
        states.append(ChargeState(result=result, name=state.name or result.path.stem, **places))
    curve = None
    if described.curve is not None:
        columns = CurveColumns(**described.curve.model_dump(exclude={"file"}))
        unit = described.capacity_unit
        curve = read_cell_curve(folder / described.curve.file, columns=columns, capacity_unit=unit)
    return Series(
        name=described.name or path.stem,
        states=tuple(states),
        capacity_unit=described.capacity_unit,
        curve=curve,
    )


def _read_description(path: Path) -> _Description:
    try:
        text = path.read_text(encoding="utf-8")
        values: Any = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
        return _Description.model_validate(values)
    except OSError as error:
        message = f"series {path} cannot be read: {error.strerror}. Check the path."
        raise DataError(message) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        known = "name, capacity_unit, [[state]] with result, name, time_h, capacity, voltage_v, and [curve] with file"
        message = f"series {path}: {key or 'content'}: {first['msg']}. It may hold {known}."
        raise DataError(message) from error
    except (ValueError, UnicodeDecodeError) as error:
        message = f"series {path} is not valid {path.suffix[1:].upper()}: {error}."
        raise DataError(message) from error


def _require_alike(before: PhaseMap, after: PhaseMap) -> None:
    """Refuse two results that cannot share their sliders."""
    for what, one, other in (
        ("voxels (z, y, x)", before.shape, after.shape),
        ("phases", before.phases, after.phases),
        ("labels", before.label_names, after.label_names),
    ):
        if one != other:
            _refuse(before, after, what, one, other)
    if abs(before.pixel_size_um / after.pixel_size_um - 1) > _SAME_PIXEL:
        _refuse(before, after, "voxels of um", before.pixel_size_um, after.pixel_size_um)


def _refuse(before: PhaseMap, after: PhaseMap, what: str, one: object, other: object) -> None:
    message = (
        f"a series needs results alike: '{before.path}' has {what} {one}, '{after.path}' has {other}. Map all states "
        "with the same region, binning and references, or open them one by one."
    )
    raise DataError(message)
