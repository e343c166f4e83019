"""Ranking of combinations: the true one first, also where it holds a phase nobody expected."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from xanesmap.errors import DataError, FitError
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combinatorial import rank_combinations
from xanesmap.spectra.library import load_library
from xanesmap.spectra.reference import sample_references

LIBRARY = Path(os.environ.get("XANESMAP_SHARED", "../shared")) / "data/spectra/fe_lfp_fepo4_hxn/FeLibNov2021.nor"
GRID = np.arange(7092.0, 7193.0, 2.0)
needs_library = pytest.mark.skipif(not LIBRARY.is_file(), reason="the measured library is not here")


def edges(n):
    """References with edges at different energies, each with a white line."""
    positions = 7118 + 2.5 * np.arange(n)[:, np.newaxis]
    line = 0.8 * np.exp(-0.5 * ((GRID - positions - 4) / (2.5 + 0.3 * np.arange(n)[:, np.newaxis])) ** 2)
    return 0.5 * (1 + np.tanh((GRID - positions) / 2)) + line


def mean_spectra(references, fractions, *, noise, seed=0):
    clean = references.T @ np.asarray(fractions).T + 0.4 * background_columns(GRID).T
    return clean + noise * np.random.default_rng(seed).standard_normal(clean.shape)


@pytest.mark.parametrize("criterion", ["bic", "aicc"])
@pytest.mark.parametrize("true", [(1,), (0, 3), (1, 2, 4)])
def test_the_combination_a_spectrum_was_made_of_comes_first(true, criterion):
    references, names = edges(6), tuple("abcdef")
    fractions = np.zeros((2, 6))
    fractions[:, true] = np.random.default_rng(4).dirichlet(np.full(len(true), 5.0), 2)
    spectra = mean_spectra(references, fractions, noise=0.01)
    ranked = rank_combinations(spectra, references, background_columns(GRID), names=names, criterion=criterion)
    assert ranked[0].names == tuple(names[i] for i in true)
    assert len(ranked) == 6 + 15 + 20
    assert sum(row.weight for row in ranked) == pytest.approx(1)
    assert ranked[0].difference == 0
    assert all(a.score <= b.score for a, b in pairwise(ranked))
    # amounts have errors of about 0.01
    np.testing.assert_allclose(ranked[0].fraction, fractions[:, true].T, atol=0.06)


def test_noise_earns_no_reference():
    references = edges(5)
    first = [
        rank_combinations(
            mean_spectra(references, [[0.5, 0, 0.5, 0, 0]], noise=0.02, seed=seed),
            references,
            background_columns(GRID),
            names=tuple("abcde"),
        )[0].names
        for seed in range(40)
    ]
    # one parameter too many passes ln(51) = 3.9 once in 20, non-negative once in 40, for each of three references
    assert np.mean([names == ("a", "c") for names in first]) > 0.8


@needs_library
@pytest.mark.parametrize("phosphide", [0.05, 0.18])
def test_an_unlisted_phosphide_is_revealed_by_the_table_of_region_means(phosphide):
    library = {reference.name: reference for reference in load_library(LIBRARY)}
    assert len(library) == 11
    names = tuple(library)
    references = sample_references(list(library.values()), GRID)
    index = {kind: next(i for i, name in enumerate(names) if kind in name) for kind in ("LiFe", "Fe(III)PO4", "Fe3P")}
    regions = np.zeros((3, len(names)))
    regions[:, index["LiFe"]] = np.array([0.9, 0.5, 0.1]) * (1 - phosphide)
    regions[:, index["Fe(III)PO4"]] = np.array([0.1, 0.5, 0.9]) * (1 - phosphide)
    regions[:, index["Fe3P"]] = phosphide
    # voxels with noise of 0.1 of an edge step, 2500 in each region
    spectra = mean_spectra(references, regions, noise=0.1 / 50)
    ranked = rank_combinations(spectra, references, background_columns(GRID), names=names)
    assert set(ranked[0].names) == {names[i] for i in index.values()}
    without = next(row for row in ranked if set(row.names) == {names[index["LiFe"]], names[index["Fe(III)PO4"]]})
    assert without.difference > 10
    found = ranked[0].fraction[ranked[0].names.index(names[index["Fe3P"]])]
    np.testing.assert_allclose(found, phosphide, atol=0.01)


def test_references_alike_are_left_out_of_combinations_only():
    references = edges(3)
    references[2] = references[0]
    ranked = rank_combinations(
        mean_spectra(references, [[0.5, 0.5, 0]], noise=0.01),
        references,
        background_columns(GRID),
        names=("a", "b", "c"),
    )
    assert {row.names for row in ranked} == {("a",), ("b",), ("c",), ("a", "b"), ("b", "c")}
    assert {row.names for row in ranked[:2]} == {("a", "b"), ("b", "c")}


def test_too_many_or_no_combinations_are_refused():
    with pytest.raises(FitError, match="20000 are tried; leave out references"):
        rank_combinations(np.ones(51), np.ones((60, 51)), background_columns(GRID), names=[str(i) for i in range(60)])
    with pytest.raises(FitError, match="up to 0 of 2 references"):
        rank_combinations(np.ones(51), edges(2), background_columns(GRID), names=("a", "b"), most=0)
    with pytest.raises(FitError, match="no combination of a can be fitted"):
        rank_combinations(np.ones(51), np.zeros((1, 51)), background_columns(GRID), names=("a",))


def test_a_library_leaves_out_what_is_no_edge_and_refuses_a_file_without_any(tmp_path):
    rows = np.column_stack([GRID, edges(2).T, 0.001 * np.arange(GRID.size)])
    file = tmp_path / "library.csv"
    np.savetxt(file, rows, delimiter=",", header="energy,first,second,time", comments="")
    assert [reference.name for reference in load_library(file)] == ["first", "second"]
    np.savetxt(file, rows[:, [0, 3]], delimiter=",", header="energy,time", comments="")
    with pytest.raises(DataError, match="holds no spectrum that can be used, of 1 columns"):
        load_library(file)
