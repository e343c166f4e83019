"""Athena projects in both dialects, packed and not."""

import gzip
import json

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.spectra.athena_project import is_project, read_project
from xanesmap.spectra.reference import load_reference

ENERGIES = np.arange(7000.0, 7300.0, 1.0)
MU = 0.4 + 0.5 * (1.0 + np.tanh((ENERGIES - 7120.0) / 2.0)) - 1e-4 * (ENERGIES - 7120.0)
HEAD = "# Athena project file -- Demeter version 0.9.26\n"


def perl_record(name, label, *, shift="0", kind="'is_xmu',1,'is_nor',0", x=ENERGIES, y=MU):
    numbers = [",".join(f"'{value:.6f}'" for value in values) for values in (x, y)]
    args = f"'bkg_eshift','{shift}','titles',['it\\'s [a] title','two'],'label','{label}',{kind}"
    return f"$old_group = '{name}';\n@args = ({args});\n@x = ({numbers[0]});\n@y = ({numbers[1]});\n[record]   #\n\n"


def perl_project(*records):
    return HEAD + "".join(records) + "@journal = ('x','y');\n"


def json_project(**groups):
    project = {"_____header1": HEAD.strip()}
    for name, (args, x, y) in groups.items():
        project[name] = {"args": args, "x": list(x), "y": list(y)}
    return json.dumps(project)


@pytest.mark.parametrize("packed", [True, False])
def test_spectra_of_a_perl_project_have_names_and_shifts(tmp_path, packed):
    text = perl_project(perl_record("abcd", "goethite [1]"), perl_record("efgh", "foil", shift="-1.5"))
    path = tmp_path / "a.prj"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert is_project(path)
    first, second = read_project(path)
    assert (first.label, second.label) == ("goethite [1]", "foil")
    np.testing.assert_allclose(first.energies_ev, ENERGIES)
    np.testing.assert_allclose(second.energies_ev, ENERGIES - 1.5)
    np.testing.assert_allclose(second.values, MU, atol=1e-6)
    assert not first.is_normalised


def test_spectra_of_a_json_project_are_read_alike(tmp_path):
    args = {"label": "foil", "is_xmu": "1", "bkg_eshift": "2"}
    path = tmp_path / "a.prj"
    path.write_bytes(gzip.compress(json_project(abcd=(args, map(str, ENERGIES), map(str, MU))).encode()))
    (spectrum,) = read_project(path)
    assert spectrum.label == "foil"
    np.testing.assert_allclose(spectrum.energies_ev, ENERGIES + 2.0)


def test_a_spectrum_is_chosen_by_name_or_number_and_normalised(tmp_path):
    path = tmp_path / "a.prj"
    records = [perl_record("a", "ref"), perl_record("b", "foil", shift="1"), perl_record("c", "ref")]
    path.write_text(perl_project(*records))
    by_name, by_number = load_reference(f"{path}:foil", name="Fe"), load_reference(f"{path}:2", name="Fe")
    np.testing.assert_array_equal(by_name.values, by_number.values)
    assert by_name.source.endswith("a.prj:foil")
    assert by_name.notes[0] == "energies shifted by +1.00 eV, as the project says"
    assert by_name.notes[1].startswith("normalised from raw absorption")
    assert by_name.values[-1] == pytest.approx(1.0, abs=0.01)
    with pytest.raises(
        DataError, match=r"holds 3 spectra and none was chosen; write a\.prj:NAME .* 1 ref, 2 foil, 3 ref"
    ):
        load_reference(path, name="Fe")
    with pytest.raises(DataError, match="has 2 spectra named 'ref'"):
        load_reference(f"{path}:ref", name="Fe")
    with pytest.raises(DataError, match="has no spectra named 'goethite'"):
        load_reference(f"{path}:goethite", name="Fe")


def test_records_that_are_no_absorption_spectra_are_left_out(tmp_path):
    path = tmp_path / "a.prj"
    chi = perl_record("a", "chi", kind="'is_xmu',0,'is_nor',0")
    short = perl_record("b", "short", y=MU[:5])
    path.write_text(perl_project(chi, short, perl_record("c", "done", kind="'is_xmu',0,'is_nor',1")))
    (spectrum,) = read_project(path)
    assert (spectrum.label, spectrum.is_normalised) == ("done", True)
    path.write_text(perl_project(chi))
    with pytest.raises(DataError, match=r"a\.prj is an Athena project without an absorption spectrum"):
        read_project(path)


def test_damaged_projects_are_refused(tmp_path):
    packed = gzip.compress(perl_project(perl_record("a", "foil")).encode())
    path = tmp_path / "a.prj"
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match="cannot be read as an Athena project"):
        read_project(path)
    path.write_text('{"_____header1": "# Athena project file", ')
    with pytest.raises(DataError, match="cannot be read as an Athena project"):
        read_project(path)


def test_a_project_that_unpacks_without_end_is_not_unpacked(tmp_path):
    path = tmp_path / "a.prj"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(HEAD.encode())
        for _ in range(70):
            file.write(bytes(1 << 20))
    with pytest.raises(DataError, match="holds more than 64 MB of text"):
        read_project(path)


def test_nothing_but_projects_is_taken_for_one(tmp_path):
    (tmp_path / "a.txt").write_text("# energy mu\n7100 0\n")
    assert not is_project(tmp_path / "a.txt")
    assert not is_project(tmp_path / "none")
    assert not is_project(tmp_path)
