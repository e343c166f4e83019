"""Options that several commands take together: a command names the group and gets its values as a mapping."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, get_type_hints

from xanesmap.viewers.commands import run_options as options

Command = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionGroup:
    """Options that belong together.

    Parameters
    ----------
    options
        Annotation of each option by the name of its parameter; all may be left out.
    collect
        From what was given, by those names, to what the command gets.
    """

    options: Mapping[str, Any]
    collect: Callable[..., dict[str, Any]]


SPECTRA = OptionGroup(
    options={
        "reference": options.References,
        "energy_offset": options.EnergyOffset,
        "foil": options.Foil,
        "normalisation": options.Normalise,
        "bad_energies": options.BadEnergies,
        "background": options.Background,
        "constraint": options.Constraint,
    },
    collect=options.spectra_settings,
)
"""The section `spectra` of a configuration."""

RECORDED = OptionGroup(
    options={
        "energies_ev": options.Energies,
        "angles_deg": options.Angles,
        "pixel_size_nm": options.PixelSize,
        "camera_binning": options.CameraBinning,
        "times_s": options.Times,
        "sort_energies": options.SortEnergies,
    },
    collect=options.recorded_settings,
)
"""What a user states in place of the files, of the section `reconstruct`."""


def taking(**groups: OptionGroup) -> Callable[[Command], Command]:
    """Give a command the options of groups, each in place of the parameter that has its name here.

    Parameters
    ----------
    groups
        Group by the name of the parameter that gets its values.
    """

    def give(command: Command) -> Command:
        hints = get_type_hints(command, include_extras=True)
        parameters: list[inspect.Parameter] = []
        for name, own in inspect.signature(command).parameters.items():
            if name in groups:
                parameters += [_optional(option, hint) for option, hint in groups[name].options.items()]
            else:
                parameters.append(own.replace(annotation=hints[name]))

        @wraps(command)
        def with_groups(**given: Any) -> None:
            collected = {
                name: group.collect(**{option: given.pop(option) for option in group.options})
                for name, group in groups.items()
            }
            command(**given, **collected)

        signature = inspect.Signature(parameters, return_annotation=None)
        with_groups.__signature__ = signature  # type: ignore[attr-defined]  # what typer reads
        with_groups.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        del with_groups.__wrapped__  # or the signature of the command would be read
        return with_groups

    return give


def _optional(name: str, hint: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=hint)
