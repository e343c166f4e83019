import importlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import xanesmap

ROOT = Path(__file__).parents[1]
FOLDERS = ("reconstruct", "spectra", "phasemap", "viewers")


def python(code):
    """What a fresh interpreter, started outside the checkout, prints."""
    ended = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def settings():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tracked():
    """Files under version control that are text, by path."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git, or no checkout: tracked files are not known")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    texts = {}
    for name in filter(None, names.split("\0")):
        path = ROOT / name
        if path.is_file() and not path.is_symlink() and path.suffix not in {".png", ".jpg", ".gif"}:
            texts[name] = path.read_text(encoding="utf-8", errors="replace")
    assert "pyproject.toml" in texts
    return texts


def test_packages_are_the_folders_on_disk(settings):
    found = {
        ".".join(("xanesmap", *path.parent.relative_to(ROOT).parts))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("__init__.py")
    }
    assert set(settings["tool"]["setuptools"]["packages"]) == {"xanesmap"} | found


def test_every_folder_with_modules_is_a_package():
    bare = {
        path.parent
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    }
    assert bare == set()


def test_the_links_lead_to_the_folders_that_setuptools_maps(settings):
    mapped = settings["tool"]["setuptools"]["package-dir"]
    for folder in FOLDERS:
        assert mapped[f"xanesmap.{folder}"] == folder
        assert (ROOT / "xanesmap" / folder).resolve() == ROOT / folder


def test_the_version_is_stated_once_more_only_where_it_is_the_same(settings):
    assert settings["project"]["version"] == xanesmap.__version__


def test_the_bare_folder_names_are_no_packages_of_this_distribution():
    code = f"""
import importlib.util, json, pathlib
import xanesmap, xanesmap.phasemap.config, xanesmap.spectra.reference, xanesmap.viewers.commands.tables
import sys
specs = {{name: importlib.util.find_spec(name) for name in {FOLDERS!r}}}
print(json.dumps({{name: (name in sys.modules, str(spec and spec.origin)) for name, spec in specs.items()}}))
"""
    for name, (imported, origin) in json.loads(python(code)).items():
        assert not imported, f"import xanesmap imports the bare name {name}"
        assert not origin.startswith(str(ROOT)), f"the bare name {name} leads to {origin}"


def test_importing_the_package_is_quick_and_loads_nothing_heavy():
    code = "import json, sys, xanesmap; xanesmap.__all__; dir(xanesmap); print(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(python(code)))
    heavy = {"numpy", "scipy", "zarr", "dask", "xarray", "h5py", "matplotlib", "numba", "pydantic", "skimage", "rich"}
    assert loaded & heavy == set()
    assert {name for name in loaded if name.startswith("xanesmap.")} == set()


def test_help_and_version_of_the_command_load_no_arrays_library():
    code = """
import sys
sys.argv = ["xanesmap", "--version"]
from xanesmap.viewers.command_line import main
try:
    main()
except SystemExit:
    pass
print(*(name for name in ("matplotlib", "zarr", "finufft", "skimage", "h5py") if name in sys.modules))
"""
    version, loaded = python(code).splitlines()
    assert version == f"xanesmap {xanesmap.__version__}"
    assert loaded == ""


def test_the_facade_offers_every_name_it_lists():
    assert sorted(xanesmap.__all__) == dir(xanesmap)
    for name in xanesmap.__all__:
        assert getattr(xanesmap, name) is not None
    assert xanesmap.map_phases is importlib.import_module("xanesmap.phasemap.pipeline").map_phases
    assert issubclass(xanesmap.DataError, ValueError)
    with pytest.raises(AttributeError, match="has no attribute 'map_phase'"):
        _ = xanesmap.map_phase


def test_type_checkers_see_the_names_that_load_lazily():
    text = (ROOT / "xanesmap" / "__init__.py").read_text(encoding="utf-8")
    typed = set(re.findall(r"^    from \S+ import (\w+) as \1$", text, re.MULTILINE))
    assert typed == set(xanesmap.__all__) - {"__version__"}
    assert (ROOT / "xanesmap" / "py.typed").is_file()


def test_every_module_says_what_it_is_about():
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            first = path.read_text(encoding="utf-8").lstrip()
            assert first.startswith(('"""', 'r"""')), f"{path} has no docstring"


def test_modules_stay_short(tracked):
    long = {
        name: text.count("\n")
        for name, text in tracked.items()
        if name.endswith(".py") and name.split("/")[0] in FOLDERS and text.count("\n") > 400
    }
    assert long == {}


def test_tracked_files_name_no_registry_host(tracked):
    hosts = re.compile(r"pypi\.org|pythonhosted|anaconda\.org|conda\.io|index-url|extra-index", re.IGNORECASE)
    here = Path(__file__).relative_to(ROOT).as_posix()
    assert [name for name, text in tracked.items() if name != here and hosts.search(text)] == []


def test_tracked_files_hold_no_lock_file_and_nothing_left_to_do(tracked):
    locks = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "conda-lock.yml", "pixi.lock"}
    assert [name for name in tracked if Path(name).name in locks] == []
    unfinished = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    assert [name for name, text in tracked.items() if unfinished.search(text)] == []


def test_sources_use_the_full_name_of_the_package(tracked):
    bare = re.compile(r"^\s*(?:from|import) (?:reconstruct|spectra|phasemap|viewers)\b", re.MULTILINE)
    assert [name for name, text in tracked.items() if name.endswith(".py") and bare.search(text)] == []
