import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.cell_curve import CurveColumns, read_cell_curve


@pytest.fixture
def table(tmp_path):
    def write(text):
        path = tmp_path / "cycler.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_time_charge_and_voltage_are_told_by_their_titles(table, separator):
    lines = ["time (s),capacity (mAh/g),voltage (V)", "0,0.0,3.2", "3600,85,3.43", "7200,170,4.2"]
    curve = read_cell_curve(table("\n".join(lines).replace(",", separator)), capacity_unit="mAh/g")
    np.testing.assert_allclose(curve.time_h, [0, 1, 2])
    np.testing.assert_allclose(curve.capacity, [0, 85, 170])
    np.testing.assert_allclose(curve.voltage_v, [3.2, 3.43, 4.2])


@pytest.mark.parametrize(("unit", "hours"), [("s", 1 / 3600), ("min", 1 / 60), ("h", 1)])
def test_times_are_in_hours_whatever_the_file_counts_in(table, unit, hours):
    curve = read_cell_curve(table(f"Time/{unit},Ewe/V\n0,3\n10,4"), capacity_unit="mAh/g")
    np.testing.assert_allclose(curve.time_h, [0, 10 * hours])
    assert curve.capacity is None


def test_columns_may_be_named_and_lines_without_numbers_are_left_out(table):
    text = "# cell 7\nstep,t (h),Q1 (mAh),Q2 (mAh),E (V),Epeak (V)\n1,0,0,5,3,9\nrest,,,,,\n2,1,1,6,nan,9\n3,2,2,7,4,9"
    columns = CurveColumns(capacity="Q2 (mAh)", voltage="E (V)")
    curve = read_cell_curve(table(text), columns=columns, capacity_unit="mAh")
    np.testing.assert_allclose(curve.capacity, [5, 7])
    np.testing.assert_allclose(curve.time_h, [0, 2])
    np.testing.assert_allclose(curve.voltage_v, [3, 4])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,voltage (V)\n0,3\n", "does not name its unit; call it 'time .s.'"),
        ("capacity (mAh),voltage (V)\n0,3\n", "is in mAh, and the series in mAh/g"),
        ("time (s),voltage (mV)\n0,3000\n", "give the voltage in V"),
        ("time (s),current (A)\n0,3\n", "needs a column of voltage"),
        ("voltage (V)\n3\n", "one of time or capacity"),
        ("time (s),test time (s),voltage (V)\n0,0,3\n", "may all be the time; name one"),
        ("time (s),voltage (V)\nnone,none\n", "no line with numbers"),
        ("time (s),voltage (V)\n", "holds no table"),
    ],
)
def test_tables_that_would_need_a_guess_are_refused(table, text, words):
    with pytest.raises(DataError, match=words):
        read_cell_curve(table(text), capacity_unit="mAh/g")


def test_columns_that_are_not_there_and_files_that_are_not_are_told(table, tmp_path):
    path = table("time (s),voltage (V)\n0,3")
    with pytest.raises(DataError, match="has no column 'E' for voltage"):
        read_cell_curve(path, columns=CurveColumns(voltage="E"), capacity_unit="mAh/g")
    with pytest.raises(DataError, match="cannot be read"):
        read_cell_curve(tmp_path / "nothing.csv", capacity_unit="mAh/g")
