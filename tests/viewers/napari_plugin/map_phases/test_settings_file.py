import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.viewers.napari_plugin.map_phases.settings_file import toml_text, write_toml

texts = st.text(st.characters(codec="utf-8"), max_size=12)
plain = st.one_of(texts, st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
values = st.one_of(plain, st.lists(plain, max_size=3))


@given(st.dictionaries(texts, st.one_of(values, st.dictionaries(texts, values, max_size=3)), max_size=5))
def test_what_is_written_is_what_toml_reads(settings):
    kept = {name: value for name, value in settings.items() if value != {}}
    assert tomllib.loads(toml_text(settings)) == kept


def test_sections_stand_behind_the_values_of_the_top():
    assert (
        toml_text({"align": {"method": "none"}, "out": "a b.zarr"}) == 'out = "a b.zarr"\n\n[align]\nmethod = "none"\n'
    )


def test_tables_in_sections_keep_odd_names():
    settings = {"spectra": {"references": {"LiFePO4 (core)": "c:\\lfp.csv"}}}
    assert tomllib.loads(toml_text(settings)) == settings


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        write_toml({}, tmp_path / "no folder" / "settings.toml")
