import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.viewers.commands.number_lists import numbers_from

LISTS = {
    "7112": (7112.0,),
    "7092, 7112.5 ,7130": (7092.0, 7112.5, 7130.0),
    "7092:7096:2": (7092.0, 7094.0, 7096.0),
    "7096:7092:-2": (7096.0, 7094.0, 7092.0),
    "0:1:0.3": (0.0, 0.3, 0.6, 0.9),  # an end that no step reaches is not put in
    "7112.1:7112.3:0.1": (7112.1, 7112.2, 7112.3),
    "7092:7110:9,7110:7112:1,7150": (7092.0, 7101.0, 7110.0, 7111.0, 7112.0, 7150.0),
    "-90:90:90": (-90.0, 0.0, 90.0),
    "1e3;2e3": (1000.0, 2000.0),
}


@pytest.mark.parametrize("text", LISTS)
def test_written_lists_and_ranges_hold_both_ends(text):
    assert numbers_from(text, option="--energies-ev") == LISTS[text]


@given(start=st.integers(0, 9000), count=st.integers(1, 500), step=st.sampled_from([0.1, 0.25, 0.3, 0.5, 1.0, 1.5]))
def test_a_range_has_as_many_numbers_as_the_scan_that_was_asked_for(start, count, step):
    stop = round(start + (count - 1) * step, 6)
    found = numbers_from(f"{start}:{stop}:{step}", option="--energies-ev")
    np.testing.assert_allclose(found, start + np.arange(count) * step, rtol=0, atol=1e-8)
    assert found[-1] == stop


FILES = {
    "one a line": ("7092\n7094.5\n\n# last\n7100\n", "", (7092.0, 7094.5, 7100.0)),
    "with a title": ("energy_ev\n7092\n7094\n", "", (7092.0, 7094.0)),
    "table, known title": ("number,energy_ev,time\n1,7092,0.5\n2,7094,0.7\n", "", (7092.0, 7094.0)),
    "table, title": ("start;theta;stop\n0;1.5;2\n1;3.0;2\n", ":STOP", (2.0, 2.0)),
    "table, number": ("7092 1.5\n7094 1.6\n", ":2", (1.5, 1.6)),
    "text beside": ("name,energy_ev\na.tif,7092\nb.tif,7094\n", "", (7092.0, 7094.0)),
    "text without title": ("a.tif,7092\nb.tif,7094\n", ":2", (7092.0, 7094.0)),
}


@pytest.mark.parametrize("case", FILES)
def test_numbers_come_from_a_file_and_a_column_of_it(case, tmp_path):
    text, column, numbers = FILES[case]
    path = tmp_path / "list.txt"
    path.write_text(text)
    assert numbers_from(f"{path}{column}", option="--angles-deg") == numbers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nowhere.txt", "'nowhere.txt' is neither a file nor a list of numbers"),
        ("nowhere.txt:2", "neither a file"),
        ("7092:7110", "no range. Write it as start:stop:step"),
        ("7092:7110:0", "does not lead from 7092 to 7110"),
        ("7092:7110:-1", "does not lead"),
        ("7092:7110:1e-9", "does not lead"),
        ("7092,71.1.2", "'71.1.2' is no finite number"),
        ("1e999", "'1e999' is no finite number"),
        (",", "holds no number"),
    ],
)
def test_what_is_no_list_is_refused(text, words):
    with pytest.raises(DataError, match=rf"--energies-ev.*{words}"):
        numbers_from(text, option="--energies-ev")


@pytest.mark.parametrize(
    ("content", "column", "words"),
    [
        ("", "", "holds no number"),
        ("energy\n", "", "holds no number"),
        ("1 2\n3 4\n", "", "more than one column; it holds 2 columns without titles. Give --angles-deg"),
        ("a,b\n1,2\n", ":c", "no column 'c'; it holds columns a, b"),
        ("a,b\n1,2\n", ":3", "no column '3'"),
        ("1 2\n3\n", ":2", "line '3' has no column 2"),
        ("1\ntwo\n", "", "'two' is no finite number"),
        ("1\nnan\n", "", "'nan' is no finite number"),
        ("\0\x80", "", ""),
    ],
)
def test_a_file_without_the_numbers_is_refused_by_its_name(content, column, words, tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError, match=rf"list\.csv: .*{words}"):
        numbers_from(f"{path}{column}", option="--angles-deg")
