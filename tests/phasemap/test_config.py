import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.phasemap.config import BUNDLED, RunConfig, bytes_from_text, make_config, merge, read_config_file
from xanesmap.phasemap.storage.provenance import as_json


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4e9), ("500 MB", 5e8), ("2GiB", 2**31), ("1.5 kB", 1500), ("1t", 1e12), ("1000000", 1e6), ("2KiB", 2048)],
)
def test_sizes_are_read_with_decimal_and_binary_units(text, size):
    assert bytes_from_text(text) == size


@pytest.mark.parametrize("text", ["", "GB", "4 elephants", "-4GB", "1.2.3GB", ".", "4GB free", "nan", "1e9"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="not an amount of memory; write it like 4GB"):
        bytes_from_text(text)


def test_a_configuration_needs_only_a_scan():
    config = make_config({"scan": "folder"})
    assert config.scan == ["folder"]
    assert config.spectra.references == {"LiFePO4": BUNDLED, "FePO4": BUNDLED}
    assert list(config.spectra.references) == ["LiFePO4", "FePO4"]
    assert config.keep_mu
    assert config.memory is None
    assert config.memory_budget > 1_000_000


def test_the_recorded_configuration_makes_the_same_run_again():
    config = make_config(
        {
            "scan": ["a.h5", "b.h5"],
            "memory": "3GB",
            "spectra": {"references": {"A": "a.csv", "B": "b.csv"}, "constraint": "non-negative"},
            "reconstruct": {"zinger_sigma": None, "centre_px": 12.5},
        }
    )
    recorded = json.loads(json.dumps(as_json(config)))
    assert make_config(recorded) == config


def test_a_configuration_cannot_be_changed():
    config = make_config({"scan": "folder"})
    with pytest.raises(ValueError, match="frozen"):
        config.keep_mu = False


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "key 'scan' is missing"),
        ({"scan": "s", "engin": "x"}, "key 'engin' is not known; there are scan, out, overwrite"),
        ({"scan": "s", "phasemap": {"pure": 1}}, "key 'phasemap.pure' is not known; there are pure_threshold"),
        (
            {"scan": "s", "phasemap": {"pure_threshold": 0.5}},
            "'phasemap.pure_threshold': .* greater than 0.5; found 0.5",
        ),
        ({"scan": "s", "memory": "much"}, "'memory': 'much' is not an amount of memory"),
        ({"scan": "s", "threads": 0, "keep_mu": "x"}, "key 'keep_mu': .*found 'x' .1 more."),
        ({"scan": "s", "reconstruct": {"centre_px": float("inf")}}, "'reconstruct.centre_px': .*finite"),
        (
            {"scan": "s", "spectra": {"references": {"mixed": "a.csv"}}},
            "'spectra.references.mixed': a phase needs a name",
        ),
        ({"scan": "s", "spectra": {"references": {" ": "a.csv"}}}, "a phase needs a name"),
    ],
)
def test_a_wrong_value_is_told_with_its_key_and_its_source(values, words):
    with pytest.raises(DataError, match=f"^Job of Monday: .*{words}") as refused:
        make_config(values, source="Job of Monday")
    assert "\n" not in str(refused.value)


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path):
    file = tmp_path / "job.toml"
    file.write_text(
        "scan = ['part1', '/data/part2']\nout = 'r.zarr'\n"
        "[spectra.references]\nLiFePO4 = 'lib.nor:LFP'\nFePO4 = 'bundled'\n",
        encoding="utf-8",
    )
    values = read_config_file(file)
    assert values["scan"] == [str(tmp_path / "part1"), "/data/part2"]
    assert values["out"] == str(tmp_path / "r.zarr")
    assert values["spectra"]["references"] == {"LiFePO4": str(tmp_path / "lib.nor:LFP"), "FePO4": BUNDLED}


def test_paths_of_a_file_named_from_its_own_folder_are_absolute(tmp_path, monkeypatch):
    (tmp_path / "job.toml").write_text("scan = 'part1'\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert read_config_file("job.toml")["scan"] == [str(tmp_path / "part1")]


def test_a_broken_file_is_named(tmp_path):
    file = tmp_path / "job.toml"
    with pytest.raises(DataError, match=r"job\.toml cannot be read: No such file"):
        read_config_file(file)
    file.write_text("scan = ", encoding="utf-8")
    with pytest.raises(DataError, match=r"job\.toml is not valid TOML: Invalid value"):
        read_config_file(file)
    file.write_text("scan = 'a'\nfoo = 1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"job\.toml: key 'foo' is not known"):
        read_config_file(file)


def test_the_documented_example_is_a_valid_configuration(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "configuration.md"
    example = page.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    (tmp_path / "job.toml").write_text(example, encoding="utf-8")
    config = make_config(read_config_file(tmp_path / "job.toml"))
    told = config.model_dump()
    sections = ("reconstruct", "align", "spectra", "phasemap")
    assert config.memory == 8_000_000_000
    assert all(f"{key} = " in example or f".{key}]" in example for name in sections for key in told[name])
    assert all(f"{key} = " in example for key in told if key not in sections)


@pytest.mark.parametrize("scan", ["folder", "folder/", "folder/*.h5", "folder/a.h5"])
def test_the_result_lies_beside_the_scan_by_default(scan, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    assert make_config({"scan": scan}).out_path == tmp_path / "folder_phases.zarr"
    assert make_config({"scan": scan, "out": "r.zarr"}).out_path == Path("r.zarr")


def test_changes_replace_values_key_by_key_and_references_as_a_whole():
    base = {"scan": ["s"], "keep_mu": True, "spectra": {"background": "none", "references": {"A": "a", "B": "b"}}}
    changes = {"keep_mu": False, "spectra": {"references": {"C": "c"}, "constraint": None}, "reconstruct": {"x": None}}
    assert merge(base, changes) == {
        "scan": ["s"],
        "keep_mu": False,
        "spectra": {"background": "none", "references": {"C": "c"}},
        "reconstruct": {},
    }
    assert base["keep_mu"] is True


NESTED = st.dictionaries(
    st.sampled_from("abcd"), st.one_of(st.integers(), st.dictionaries(st.sampled_from("xyz"), st.integers()))
)


@given(NESTED)
def test_changes_that_say_nothing_change_nothing(base):
    silent = {key: dict.fromkeys(value) if isinstance(value, dict) else None for key, value in base.items()}
    assert merge(base, silent) == base
    assert merge(base, base) == base
    assert merge({}, base) == base


def test_every_key_is_described():
    for model in (RunConfig, *(RunConfig.model_fields[name].annotation for name in ("reconstruct", "spectra"))):
        assert all(field.description for name, field in model.model_fields.items() if name not in SECTIONS)


SECTIONS = ("reconstruct", "align", "spectra", "phasemap")
