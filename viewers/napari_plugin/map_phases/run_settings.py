"""Settings of a run as a form has them: texts by key, and what they are as configuration, file and command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

from xanesmap.phasemap.config import BUNDLED, RunConfig, make_config, read_config_file
from xanesmap.viewers.commands.number_lists import numbers_from
from xanesmap.viewers.napari_plugin.map_phases.settings_file import write_toml

Nested = Mapping[str, Any]

_LISTS = ("reconstruct.energies_ev", "reconstruct.angles_deg", "reconstruct.times_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One line of the form."""

    key: str
    """Path in `RunConfig`, with dots."""
    label: str
    flag: str
    """Option of `xanesmap run`."""
    kind: Literal["choice", "switch", "text"]
    choices: tuple[str, ...]
    """What can be chosen; of a text what is offered."""
    default: str | bool
    unset: str
    """What holds where nothing is given."""
    explanation: str


_SHOWN: Mapping[str, tuple[tuple[str, str, str], ...]] = MappingProxyType(
    {
        "Reconstruction": (
            ("reconstruct.engine", "Engine", "--engine"),
            ("reconstruct.filter", "Filter", "--filter"),
            ("reconstruct.stripes", "Stripe removal", "--stripes"),
            ("reconstruct.centre_px", "Rotation axis, pixel", "--centre"),
        ),
        "Alignment": (
            ("align.method", "Alignment", "--align"),
            ("align.file", "Alignment to use", "--alignment"),
            ("align.magnification", "Magnification", "--magnification"),
            ("align.roll", "Roll of the detector", "--roll"),
        ),
        "Spectra": (
            ("spectra.energy_offset_ev", "Energy offset, eV", "--energy-offset"),
            ("spectra.foil", "Metal foil", "--foil"),
            ("spectra.normalisation", "Normalisation", "--normalisation"),
            ("spectra.background", "Background", "--background"),
            ("spectra.constraint", "Constraint", "--constraint"),
            ("spectra.bad_energies", "Bad energies", "--bad-energies"),
            ("phasemap.pure_threshold", "Threshold of a phase", "--threshold"),
        ),
        "Metadata": (
            ("reconstruct.energies_ev", "Energies, eV", "--energies-ev"),
            ("reconstruct.angles_deg", "Angles, degrees", "--angles-deg"),
            ("reconstruct.times_s", "Starts of the energies, s", "--times-s"),
            ("reconstruct.pixel_size_nm", "Pixel size, nm", "--pixel-size-nm"),
            ("reconstruct.camera_binning", "Camera binning", "--camera-binning"),
            ("reconstruct.volume_unit", "Unit of volumes", "--volume-unit"),
            ("reconstruct.sort_energies", "Sort energies", "--sort-energies"),
        ),
        "Computer": (
            ("memory", "Memory", "--memory"),
            ("threads", "Threads", "--threads"),
            ("keep_mu", "Keep the attenuation", "--keep-mu"),
            ("overwrite", "Replace an earlier result", "--overwrite"),
        ),
    }
)
_UNSET: Mapping[str, str] = MappingProxyType(
    {
        "reconstruct.centre_px": "found for each energy",
        "reconstruct.energies_ev": "as in the files",
        "reconstruct.angles_deg": "as in the files",
        "reconstruct.times_s": "as in the files",
        "reconstruct.pixel_size_nm": "as in the files",
        "reconstruct.camera_binning": "as in the files",
        "memory": "half of what is free",
        "threads": "all cores",
    }
)
_OFFERED = MappingProxyType({"spectra.energy_offset_ev": ("fit", "fit-drift", "0"), "memory": ("", "4GB", "16GB")})


def shown_settings() -> dict[str, tuple[Setting, ...]]:
    """Settings of the form by the title of their group, with defaults and explanations of `RunConfig`."""
    return {title: tuple(_setting(*line) for line in lines) for title, lines in _SHOWN.items()}


def _setting(key: str, label: str, flag: str) -> Setting:
    described = _field(key)
    default = "" if described.default is None else described.default
    choices = _literals(described.annotation)
    if isinstance(default, bool):
        kind: Literal["choice", "switch", "text"] = "switch"
    elif choices and key not in _OFFERED:
        kind = "choice"
        choices = choices if default else ("", *choices)
    else:
        kind, choices = "text", _OFFERED.get(key, ())
    return Setting(
        key=key,
        label=label,
        flag=flag,
        kind=kind,
        choices=choices,
        default=default if isinstance(default, bool) else str(default),
        unset=_UNSET.get(key, "none"),
        explanation=" ".join((described.description or "").replace("`", "").split()),
    )


def _field(key: str) -> Any:
    """Field of `RunConfig` or of one of its sections."""
    model: Any = RunConfig
    *sections, name = key.split(".")
    for section in sections:
        model = model.model_fields[section].annotation
    return model.model_fields[name]


def _literals(annotation: Any) -> tuple[str, ...]:
    """Texts that a `Literal` allows, also one that may be left out."""
    if get_origin(annotation) is Literal:
        return tuple(str(text) for text in get_args(annotation))
    return next((found for part in get_args(annotation) if (found := _literals(part))), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledForm:
    """What a user has put into the form."""

    scan: tuple[str, ...] = ()
    out: str = ""
    references: Mapping[str, str] = field(default_factory=dict)
    """Phase to file or `bundled`; empty for both bundled ones."""
    changed: Mapping[str, str | bool] = field(default_factory=dict)
    """By key, what differs from the default; lists of numbers as `numbers_from` takes them."""
    further: Nested = field(default_factory=dict)
    """Settings from a file that the form does not show, nested."""


def settings_of(form: FilledForm) -> dict[str, Any]:
    """Nested settings of a filled form, unchecked but for lists of numbers.

    Raises
    ------
    DataError
        A list of numbers that is none.
    """
    values: dict[str, Any] = {"scan": list(form.scan)}
    if form.out:
        values["out"] = form.out
    for key, value in _flat(form.further).items():
        _put(values, key, value)
    for key, value in form.changed.items():
        _put(values, key, list(numbers_from(str(value), option=_label(key))) if key in _LISTS else value)
    if form.references:
        values.setdefault("spectra", {})["references"] = dict(form.references)
    return values


def config_of(form: FilledForm) -> RunConfig:
    """Configuration of a filled form.

    Raises
    ------
    DataError
        A setting that cannot be used; names its key.
    """
    return make_config(settings_of(form), source="Settings")


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *sections, name = key.split(".")
    for section in sections:
        values = values.setdefault(section, {})
    values[name] = value


def _flat(values: Nested, head: str = "") -> dict[str, Any]:
    """Nested settings by key with dots."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{head}{name}.")
        else:
            flat[head + name] = value
    return flat


def _label(key: str) -> str:
    return next(label for lines in _SHOWN.values() for known, label, _ in lines if known == key)


def form_from_file(path: str | Path) -> FilledForm:
    """Filled form from a configuration file; paths in it count from its folder.

    Raises
    ------
    DataError
        The file cannot be read, is not TOML or is no configuration.
    """
    values = read_config_file(path)
    scan, out = values.pop("scan"), values.pop("out", "")
    references = {name: str(source) for name, source in values.get("spectra", {}).pop("references", {}).items()}
    known = {setting.key: setting for settings in shown_settings().values() for setting in settings}
    changed: dict[str, str | bool] = {}
    further: dict[str, Any] = {}
    for key, value in _flat(values).items():
        if key not in known:
            _put(further, key, value)
        elif (told := _as_text(value)) != known[key].default:
            changed[key] = told
    sources = (scan,) if isinstance(scan, str) else tuple(scan)
    return FilledForm(scan=sources, out=str(out), references=references, changed=changed, further=further)


def _as_text(value: Any) -> str | bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(f"{number:.12g}" for number in value)
    return str(value)


def write_form(form: FilledForm, path: str | Path) -> Path:
    """Write a filled form as a configuration file, which `xanesmap run` takes in place of a scan.

    Raises
    ------
    DataError
        A setting that cannot be used, or a file that cannot be written.
    """
    return write_toml(_from_here(config_of(form).model_dump(mode="json", exclude_defaults=True)), path)


def _from_here(values: dict[str, Any]) -> dict[str, Any]:
    """Settings whose relative paths count from the present folder, not from that of the file."""
    here = Path.cwd()
    placed = {**values, "scan": [str(here / item) for item in values["scan"]]}
    if "out" in values:
        placed["out"] = str(here / values["out"])
    for section, name in (("align", "file"), ("spectra", "foil")):
        if name in values.get(section, {}):
            placed[section] = {**values[section], name: str(here / values[section][name])}
    if "references" in values.get("spectra", {}):
        sources = values["spectra"]["references"].items()
        named = {phase: source if source == BUNDLED else str(here / source) for phase, source in sources}
        placed["spectra"] = {**placed["spectra"], "references": named}
    return placed


def command_of(form: FilledForm, *, file: str = "settings.toml") -> str:
    """The same run on a command line.

    Parameters
    ----------
    form
        The filled form.
    file
        Name of the configuration file where settings have no option of their own.
    """
    if form.further:
        return shlex.join(["xanesmap", "run", file])
    words = ["xanesmap", "run", *form.scan]
    for phase, source in form.references.items():
        words += ["--reference", f"{phase}={source}"]
    for settings in shown_settings().values():
        for setting in settings:
            words += _words(setting, form.changed.get(setting.key))
    if form.out:
        words += ["--out", form.out]
    return shlex.join(words)


def _words(setting: Setting, value: str | bool | None) -> Sequence[str]:
    if value is None or value == setting.default:
        return ()
    if setting.key == "align.roll":
        return (setting.flag,)
    if isinstance(value, bool):
        return (setting.flag if value else setting.flag.replace("--", "--no-", 1),)
    return (setting.flag, value)
