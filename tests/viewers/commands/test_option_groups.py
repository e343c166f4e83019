"""Options that commands share are the same in all of them, and reach them as mappings."""

import inspect
from typing import Annotated, Any, get_args

import pytest
import typer
from typer.testing import CliRunner

from xanesmap.viewers.command_line import app
from xanesmap.viewers.commands import run_options as options
from xanesmap.viewers.commands.option_groups import RECORDED, SPECTRA, OptionGroup, taking


def parameters(name):
    command = next(one for one in app.registered_commands if (one.name or one.callback.__name__) == name)
    return inspect.signature(command.callback).parameters


@pytest.mark.parametrize(
    ("group", "names"), [(SPECTRA, ("run", "fit")), (RECORDED, ("run", "info", "convert", "align"))]
)
def test_commands_take_the_options_of_a_group_as_they_are_defined(group, names):
    for name in names:
        taken = parameters(name)
        for option, hint in group.options.items():
            assert taken[option].annotation == hint
            assert taken[option].default is None
            assert get_args(hint)[1].help  # every option says what it does


def test_a_command_gets_what_was_given_in_place_of_its_parameter():
    told = {}

    @taking(sizes=OptionGroup(options={"wide": options.PixelSize, "binned": options.CameraBinning}, collect=dict))
    def draw(name: Annotated[str, typer.Argument()], sizes: dict[str, Any], twice: bool = False) -> None:
        told.update(name=name, sizes=sizes, twice=twice)

    own = typer.Typer()
    own.command()(draw)
    outcome = CliRunner().invoke(own, ["a", "--pixel-size-nm", "40", "--twice"])
    assert outcome.exit_code == 0, outcome.output
    assert told == {"name": "a", "sizes": {"wide": 40.0, "binned": None}, "twice": True}
    assert list(inspect.signature(draw).parameters) == ["name", "wide", "binned", "twice"]
