import shlex

import pytest
from typer.main import get_command

from xanesmap.errors import DataError
from xanesmap.phasemap import pipeline
from xanesmap.phasemap.config import RunConfig, make_config, read_config_file
from xanesmap.viewers.command_line import app
from xanesmap.viewers.napari_plugin.map_phases.run_settings import (
    FilledForm,
    command_of,
    config_of,
    form_from_file,
    settings_of,
    shown_settings,
    write_form,
)

EVERYTHING = FilledForm(
    scan=("/data/fly scan", "/data/more"),
    out="/data/my map.zarr",
    references={"core": "bundled", "shell": "/data/lib.nor:fp"},
    changed={
        "reconstruct.engine": "fourier",
        "reconstruct.filter": "hann",
        "reconstruct.stripes": "sorting",
        "reconstruct.centre_px": "47.25",
        "reconstruct.energies_ev": "7092:7096:2,7110.5",
        "reconstruct.angles_deg": "0:180:45",
        "reconstruct.times_s": "1700000000:1700000120:60,1700000300",
        "reconstruct.pixel_size_nm": "42.5",
        "reconstruct.camera_binning": "2",
        "reconstruct.volume_unit": "1/mm",
        "reconstruct.sort_energies": True,
        "align.method": "none",
        "align.magnification": "recorded",
        "align.roll": "fit",
        "align.file": "/data/alignment.zarr",
        "spectra.energy_offset_ev": "-1.25",
        "spectra.foil": "/data/foil.txt",
        "spectra.normalisation": "constant",
        "spectra.background": "none",
        "spectra.constraint": "non-negative",
        "spectra.bad_energies": "reject",
        "phasemap.pure_threshold": "0.8",
        "memory": "4GB",
        "threads": "3",
        "keep_mu": False,
        "overwrite": True,
    },
)


def test_the_form_has_every_option_of_the_command():
    shown = {setting.flag for settings in shown_settings().values() for setting in settings}
    options = {name for param in get_command(app).commands["run"].params for name in param.opts}
    assert shown == {name for name in options if name.startswith("--")} - {"--out", "--reference"}


@pytest.fixture
def configured(command, monkeypatch):
    """The configuration with which a command line would run."""

    def call(line):
        met = []

        def note(config, *, progress):
            met.append(config)
            message = "enough"
            raise DataError(message)

        monkeypatch.setattr(pipeline, "run", note)
        words = shlex.split(line)
        assert words[0] == "xanesmap"
        command(*words[1:])
        return met[0]

    return call


def test_every_setting_of_the_form_is_one_of_the_configuration_with_its_default_and_a_reason():
    for settings in shown_settings().values():
        for setting in settings:
            value = RunConfig(scan=["a"])
            for name in setting.key.split("."):
                value = getattr(value, name)
            assert setting.default == (value if isinstance(value, bool) else "" if value is None else str(value))
            assert len(setting.explanation) > 10
            if setting.kind == "choice":
                assert setting.default in setting.choices


def test_all_settings_of_the_form_reach_the_configuration():
    config = config_of(EVERYTHING)
    assert config.reconstruct.energies_ev == (7092, 7094, 7096, 7110.5)
    assert config.spectra.energy_offset_ev == -1.25
    assert config.spectra.references == {"core": "bundled", "shell": "/data/lib.nor:fp"}
    assert config.memory == 4_000_000_000
    assert set(EVERYTHING.changed) == {s.key for settings in shown_settings().values() for s in settings}


def test_the_command_line_that_is_shown_makes_the_same_run(configured):
    assert configured(command_of(EVERYTHING)) == config_of(EVERYTHING)
    short = FilledForm(scan=("/data/scan",))
    assert command_of(short) == "xanesmap run /data/scan"
    assert configured(command_of(short)) == config_of(short)


@pytest.mark.parametrize("key", [s.key for settings in shown_settings().values() for s in settings])
def test_each_setting_has_its_own_option(configured, key):
    form = FilledForm(scan=("/data/scan",), changed={key: EVERYTHING.changed[key]})
    assert configured(command_of(form)) == config_of(form)


def test_what_is_saved_comes_back_and_makes_the_same_run(tmp_path, configured):
    path = write_form(EVERYTHING, tmp_path / "settings.toml")
    assert make_config(read_config_file(path)) == config_of(EVERYTHING)
    assert config_of(form_from_file(path)) == config_of(EVERYTHING)
    assert configured(f"xanesmap run {shlex.quote(str(path))}") == config_of(EVERYTHING)


def test_settings_that_the_form_does_not_show_are_kept_and_need_the_file(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('scan = "s"\n[phasemap]\nmask_smoothing_px = 2.0\n[align]\nmethod = "auto"\n', encoding="utf-8")
    form = form_from_file(path)
    assert form.further == {"phasemap": {"mask_smoothing_px": 2.0}}
    assert form.changed == {}
    assert config_of(form).phasemap.mask_smoothing_px == 2
    assert command_of(form) == "xanesmap run settings.toml"
    again = write_form(form, tmp_path / "again.toml")
    assert config_of(form_from_file(again)) == config_of(form)


def test_relative_paths_are_saved_as_they_are_meant(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    form = FilledForm(scan=("scan",), references={"a": "a.csv", "b": "bundled"}, changed={"spectra.foil": "foil.csv"})
    read = read_config_file(write_form(form, tmp_path / "other" / "settings.toml"))
    assert read["scan"] == [str(tmp_path / "scan")]
    assert read["spectra"] == {
        "references": {"a": str(tmp_path / "a.csv"), "b": "bundled"},
        "foil": str(tmp_path / "foil.csv"),
    }


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"memory": "plenty"}, "'memory'.*'plenty' is not an amount of memory"),
        ({"phasemap.pure_threshold": "0.2"}, "'phasemap.pure_threshold'.*greater than 0.5"),
        ({"reconstruct.centre_px": "left"}, "'reconstruct.centre_px'.*'left'"),
        ({"reconstruct.energies_ev": "many"}, "Energies, eV 'many' is neither a file nor a list"),
    ],
)
def test_settings_that_cannot_be_used_are_told_by_name(changed, words):
    with pytest.raises(DataError, match=words):
        config_of(FilledForm(scan=("s",), changed=changed))


def test_no_scan_is_told():
    with pytest.raises(DataError, match="'scan'"):
        config_of(FilledForm())


def test_settings_are_nested_as_in_a_file():
    form = FilledForm(scan=("s",), out="o.zarr", changed={"align.roll": "fit"})
    assert settings_of(form) == {"scan": ["s"], "out": "o.zarr", "align": {"roll": "fit"}}
