"""Reference spectra: reading, checking, sampling."""

import logging
import os
import re
from pathlib import Path

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.spectra.absorption import normalised_absorption
from xanesmap.spectra.athena_project import read_project
from xanesmap.spectra.column_file import read_columns
from xanesmap.spectra.reference import Reference, bundled_reference, load_reference, sample_references

SHARED = Path(os.environ.get("XANESMAP_SHARED", "../shared")) / "data" / "spectra"
ENERGIES = np.linspace(7080.0, 7180.0, 101)
VALUES = 0.5 + np.arctan((ENERGIES - 7122.0) / 2.0) / np.pi


def write_table(path, columns, *, header="", delimiter=" "):
    np.savetxt(path, np.transpose(columns), header=header, delimiter=delimiter, fmt="%.8g")
    return path


@pytest.mark.parametrize(
    ("suffix", "delimiter"), [("csv", ","), ("txt", " "), ("dat", "\t"), ("csv", " , "), ("csv", ";")]
)
def test_reads_two_columns_with_any_separator_and_header(tmp_path, suffix, delimiter):
    path = write_table(
        tmp_path / f"a.{suffix}", [ENERGIES, VALUES, VALUES * 3], header="energy mu", delimiter=delimiter
    )
    reference = load_reference(path, name="FeO")
    np.testing.assert_allclose(reference.energies_ev, ENERGIES)
    np.testing.assert_allclose(reference.values, VALUES, rtol=1e-6)
    assert (reference.name, reference.source, reference.notes) == ("FeO", str(path), ())


def test_text_header_without_a_comment_sign_is_skipped(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Energy (eV), mu\n" + "\n".join(f"{e},{v}" for e, v in zip(ENERGIES, VALUES, strict=True)))
    assert load_reference(path, name="x").energies_ev.size == ENERGIES.size


def test_energies_in_kev_are_converted_and_the_conversion_recorded(tmp_path, caplog):
    path = write_table(tmp_path / "a.txt", [ENERGIES / 1000, VALUES])
    with caplog.at_level(logging.INFO, logger="xanesmap"):
        reference = load_reference(path, name="x")
    np.testing.assert_allclose(reference.energies_ev, ENERGIES)
    assert reference.notes == ("energies converted from keV to eV",)
    assert "converted from keV" in caplog.text


def test_column_of_an_athena_file_is_chosen_by_name(tmp_path):
    header = "Column.1: energy eV\nColumn.2: goethite\nColumn.3: LiFe(II)PO4"
    path = write_table(tmp_path / "lib.nor", [ENERGIES, VALUES, VALUES**2], header=header)
    reference = load_reference(f"{path}:LiFe(II)PO4", name="LFP")
    np.testing.assert_allclose(reference.values, VALUES**2, rtol=1e-6)
    assert reference.source.endswith("lib.nor:LiFe(II)PO4")
    with pytest.raises(DataError, match=r"holds 2 spectra and none was chosen; write lib.nor:COLUMN .* goethite, LiFe"):
        load_reference(path, name="LFP")
    with pytest.raises(DataError, match=r"no column 'pyrite'; choose one of goethite, LiFe\(II\)PO4"):
        load_reference(f"{path}:pyrite", name="LFP")


def test_columns_without_names_are_chosen_by_number(tmp_path):
    path = write_table(tmp_path / "a.txt", [ENERGIES, VALUES, VALUES**2])
    np.testing.assert_allclose(load_reference(f"{path}:3", name="x").values, VALUES**2, rtol=1e-6)


@pytest.mark.parametrize(
    ("energies", "match"),
    [
        (
            ENERGIES - 7000,
            r"runs from 80 to 180, which is neither an energy in eV \(1000-60000\) nor in keV \(2-30\)",
        ),
        (np.linspace(10, 100, 101), "neither an energy in eV"),
        (ENERGIES[::-1], "must have increasing energies; 7179.000 eV at index 1 falls after 7180.000 eV"),
        (np.round(ENERGIES / 2) * 2, "repeats"),
    ],
)
def test_energies_that_cannot_be_right_are_refused(tmp_path, energies, match):
    path = write_table(tmp_path / "a.txt", [energies, VALUES])
    with pytest.raises(DataError, match=match):
        load_reference(path, name="x")


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.full(101, 0.7), "changes by only 0, which is no absorption edge"),
        (1.0 - VALUES, r"points lie \+40 to \+200 eV from there, and normalising takes 4 above the edge"),
        (np.where(ENERGIES == 7100, np.nan, VALUES), "1 points that are not finite, the first at index 20"),
    ],
)
def test_values_that_are_not_an_edge_normalised_spectrum_are_refused(tmp_path, values, match):
    path = write_table(tmp_path / "a.txt", [ENERGIES, values])
    with pytest.raises(DataError, match=match) as caught:
        load_reference(path, name="iron")
    assert "reference iron" in str(caught.value)
    assert "a.txt" in str(caught.value)


@pytest.mark.parametrize(
    ("values", "match"),
    [(VALUES + 0.8, r"is 0.8\d* below the edge, not 0"), (VALUES * 2.2, r"is 2.1\d* above the edge, not 1")],
)
def test_a_reference_made_of_raw_values_is_refused(values, match):
    with pytest.raises(DataError, match=match):
        Reference(name="iron", energies_ev=ENERGIES, values=values, source="test")


@pytest.mark.parametrize("raw", [VALUES + 0.8, VALUES * 2.2, 3.0 * VALUES - 1.0 - 0.002 * (ENERGIES - 7120.0)])
def test_raw_absorption_in_a_file_is_normalised_and_the_numbers_recorded(tmp_path, raw):
    reference = load_reference(write_table(tmp_path / "a.txt", [ENERGIES, raw]), name="iron")
    # The pre- and post-edge lines of an arctangent lie 0.03 from its levels: its tails are long.
    np.testing.assert_allclose(reference.values, VALUES, atol=0.06)
    assert re.search(r"normalised from raw absorption: E0 712\d\.\d+ eV, edge step .*, flattened", reference.notes[0])


def test_a_short_range_around_the_white_line_is_not_judged():
    near = np.abs(ENERGIES - 7125) < 10
    Reference(name="x", energies_ev=ENERGIES[near], values=2.0 * VALUES[near], source="test")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "no row of numbers"),
        (b"only words here\n", "no row of numbers"),
        (b"7100\n7101\n", "one column of numbers"),
        (b"7100 0\n7101 0.1\n7102 oops\n", r"line 3 \('7102 oops'\) is not a row of 2 numbers"),
        (b"7100 0\n7101 0.1 3\n", r"line 2 .* is not a row of 2 numbers"),
        (b"7100 0\n7101 0.1\n7102 1\n", "has 3 points; a spectrum needs at least 5"),
        (b"\x00\x01\x02", "not a text file"),
    ],
)
def test_files_that_hold_no_spectrum_are_refused(tmp_path, content, match):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=match):
        load_reference(path, name="x")


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"none.csv cannot be read \(No such file"):
        load_reference(tmp_path / "none.csv", name="x")
    with pytest.raises(DataError, match="cannot be read"):
        load_reference(tmp_path, name="x")


@pytest.mark.parametrize(("alias", "name"), [("LFP", "LiFePO4"), ("fp", "FePO4"), ("LiFePO4", "LiFePO4")])
def test_bundled_reference_is_the_formula(alias, name):
    reference = bundled_reference(alias)
    energies = np.random.default_rng(0).uniform(7092.0, 7199.0, 2000)
    assert reference.name == name
    np.testing.assert_allclose(
        sample_references([reference], energies)[0], normalised_absorption(name, energies), atol=1e-4
    )


def test_there_is_no_bundled_reference_of_another_name():
    with pytest.raises(DataError, match="no reference named 'NiO' comes with xanesmap"):
        bundled_reference("NiO")


def test_energy_offset_is_added_to_the_recorded_energies():
    reference = bundled_reference("LFP")
    recorded = np.arange(7110.0, 7150.0, 0.05)
    shifted = sample_references([reference], recorded, energy_offset_ev=3.0)[0]
    assert recorded[shifted.argmax()] == pytest.approx(7127.40 - 3.0, abs=0.05)


def test_nothing_is_extrapolated():
    with pytest.raises(
        DataError,
        match=r"reference FePO4 .*covers 6912.00-7199.00 eV, the scan 7091.00-7206.00 eV \(energy offset \+1 eV "
        r"included\); 2 of 3 energies are outside \(7202.00, 7206.00\)",
    ):
        sample_references([bundled_reference("FP")], [7090.0, 7201.0, 7205.0], energy_offset_ev=1.0)
    with pytest.raises(DataError, match="2 of 2 energies are outside"):
        sample_references([bundled_reference("FP")], [np.nan, np.nan])


def test_energies_typed_in_kev_are_inside_despite_their_last_digit():
    energies = np.array([7.092, 7.1, 7.199]) * 1000
    assert sample_references([bundled_reference("LFP")], energies).shape == (1, 3)


def test_each_phase_has_one_reference():
    with pytest.raises(DataError, match="references with different names are needed"):
        sample_references([bundled_reference("LFP"), bundled_reference("LFP")], [7100.0])
    with pytest.raises(DataError, match="found none"):
        sample_references([], [7100.0])


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared reference spectra are not on this machine")
def test_measured_iron_references_load_and_agree_with_their_library():
    folder = SHARED / "fe_lfp_fepo4_hxn"
    files = sorted((folder / "csv").glob("*.csv"))
    assert len(files) == 11
    for file in files:
        assert load_reference(file, name=file.stem).energies_ev.size == 196
    grid = np.arange(7092.0, 7193.0, 2.0)
    library = load_reference(f"{folder / 'FeLibNov2021.nor'}:LiFe(II)PO4", name="LFP")
    single = load_reference(folder / "csv" / "LiFe_II_PO4.csv", name="LFP")
    np.testing.assert_allclose(sample_references([library], grid), sample_references([single], grid), atol=1e-6)


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared reference spectra are not on this machine")
@pytest.mark.parametrize(("phase", "column"), [("LiFePO4", "LiFe(II)PO4"), ("FePO4", "Fe(III)PO4")])
def test_formula_stays_within_its_stated_distance_from_the_measurement(phase, column):
    measured = load_reference(f"{SHARED / 'fe_lfp_fepo4_hxn' / 'FeLibNov2021.nor'}:{column}", name=phase)
    inside = (measured.energies_ev >= 7092.0) & (measured.energies_ev <= 7199.0)
    deviation = normalised_absorption(phase, measured.energies_ev[inside]) - measured.values[inside]
    assert np.sqrt(np.mean(deviation**2)) < 0.0055
    assert np.abs(deviation).max() < 0.016


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared reference spectra are not on this machine")
@pytest.mark.parametrize(("file", "half_ev"), [("ref_NiO.txt", 8340.3), ("ref_LiNiO2.txt", 8341.9)])
def test_nickel_references_in_kev_have_their_edge_where_it_is(file, half_ev):
    reference = load_reference(SHARED / "ni_txm_refs" / file, name="Ni")
    assert reference.notes
    assert reference.energies_ev[np.argmax(reference.values > 0.5)] == pytest.approx(half_ev, abs=1.1)


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared reference spectra are not on this machine")
def test_every_shared_spectrum_loads_or_fails_with_a_sentence():
    loaded, refused = [], {}
    for file in sorted(path for path in SHARED.rglob("*") if path.suffix.lower() in SPECTRUM_SUFFIXES):
        for source in sources_of(file):
            try:
                reference = load_reference(source, name=file.stem)
            except DataError as error:
                refused[str(source)] = str(error)
                continue
            loaded.append(source)
            if any("normalised from raw" in note for note in reference.notes):
                assert 0.95 < reference.values.max() < 2.2, source
                assert (
                    abs(np.median(reference.values[reference.energies_ev > reference.energies_ev[-1] - 40]) - 1) < 0.2
                )
    assert len(loaded) >= 225
    for source, words in refused.items():
        assert "\n" not in words
        assert Path(source).name in words
    spectra = {Path(source).name for source in refused} - LISTS
    assert spectra == {"fe_xanes_8ch.xdi"}  # it was stopped at 7108.6 eV, below the edge


SPECTRUM_SUFFIXES = (".e", ".dat", ".txt", ".csv", ".xdi", ".xmu", ".nor", ".prj")
LISTS = {
    "LICENSE.txt",
    "License.txt",
    "Readme.txt",
    "energy_list_corr.txt",
    "Ni_eng_list.txt",
    "pyxas_xanes_fit_param.csv",
}


def sources_of(file):
    if file.suffix == ".prj":
        return [f"{file}:{number + 1}" for number in range(len(read_project(file)))]
    if file.suffix == ".nor":
        return [f"{file}:{name}" for name in read_columns(file).names[1:]]
    return [file]


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared reference spectra are not on this machine")
@pytest.mark.parametrize(("foil", "inflection_ev"), [("Fe", 7111.95), ("Mn", 6539.25), ("Co", 7709.1), ("Ni", 8333.0)])
def test_foils_keep_their_first_inflection_when_they_are_normalised(foil, inflection_ev):
    reference = load_reference(SHARED / "xasref_foils" / f"{foil}_foil_{foil}_K.dat", name=foil)
    slope = np.gradient(reference.values, reference.energies_ev)
    near = np.abs(reference.energies_ev - inflection_ev) < 3.0
    assert reference.energies_ev[near][slope[near].argmax()] == pytest.approx(inflection_ev, abs=0.3)
    post = reference.values[
        (reference.energies_ev > inflection_ev + 50) & (reference.energies_ev < inflection_ev + 200)
    ]
    assert post.mean() == pytest.approx(1.0, abs=0.01)


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared reference spectra are not on this machine")
def test_repeated_scans_normalise_alike():
    files = [SHARED / "xasdatalib" / "Mn" / f"Mn2O3_rt_0{i}.xdi" for i in (1, 2, 3)]
    grid = np.arange(6522.0, 6628.0, 1.0)
    scans = sample_references([load_reference(file, name=file.stem) for file in files], grid)
    assert np.abs(scans - scans.mean(axis=0)).max() < 0.04
