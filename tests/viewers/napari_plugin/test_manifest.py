import importlib
from pathlib import Path

import pytest
from npe2 import PluginManifest

import xanesmap.viewers.napari_plugin as plugin

FOLDER = Path(plugin.__file__).parent


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_file(FOLDER / "napari.yaml")


def test_the_manifest_is_valid_and_its_commands_can_be_imported(manifest):
    manifest.validate_imports()
    assert manifest.name == "xanesmap"


def widgets():
    """Classes of widgets, each in the module `widget` of its folder, as a manifest names them."""
    for path in sorted(FOLDER.glob("*/widget.py")):
        module = f"xanesmap.viewers.napari_plugin.{path.parent.name}.widget"
        for name, value in vars(importlib.import_module(module)).items():
            if name.endswith("Widget") and getattr(value, "__module__", "") == module:
                yield f"{module}:{name}"


def test_every_widget_is_offered_with_a_name_and_in_a_menu(manifest):
    commands = {command.id: command.python_name for command in manifest.contributions.commands}
    offered = {commands[widget.command] for widget in manifest.contributions.widgets}
    assert offered == set(widgets())
    in_menus = {item.command for items in manifest.contributions.menus.values() for item in items}
    assert in_menus == {widget.command for widget in manifest.contributions.widgets}


def test_menus_are_those_of_napari(manifest):
    from napari._app_model.constants import MenuId

    assert set(manifest.contributions.menus) <= {menu.value for menu in MenuId}
