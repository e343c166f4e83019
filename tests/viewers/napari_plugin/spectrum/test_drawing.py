import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from xanesmap.viewers.drawing.label_spectra import SpectrumFit
from xanesmap.viewers.napari_plugin.parts.figure_theme import LIGHT, FigureTheme, legible
from xanesmap.viewers.napari_plugin.spectrum.comparison import as_drawn, changed, with_probed, without
from xanesmap.viewers.napari_plugin.spectrum.drawing import (
    CURVES,
    LEFT_PT,
    NO_SPECTRA,
    NOTHING_YET,
    DrawnSpectrum,
    draw_spectra,
    fraction_text,
    nearest_energy,
)
from xanesmap.viewers.napari_plugin.spectrum.probe import ProbedSpectrum

ENERGIES = np.array([7100.0, 7110.0, 7120.0, 7150.0])
PARTS = np.array([[0.0, 0.1, 0.8, 0.7], [0.0, 0.05, 0.1, 0.3], [0.2, 0.2, 0.2, 0.2]])
FIT = SpectrumFit(
    columns=("LiFePO4", "FePO4", "background 1"),
    contributions=PARTS,
    fractions=np.array([0.7, 0.3]),
    amount=1.0,
    r_factor=1e-4,
)


def probed(name="voxel 1, 2, 3", *, fit=FIT, measured=True, unit="1/um"):
    values = PARTS.sum(axis=0) + np.array([0.01, -0.01, 0.02, 0.0])
    return ProbedSpectrum(
        name=name,
        centre=(1.0, 2.0, 3.0),
        n_voxels=1,
        unit=unit,
        energies_ev=ENERGIES,
        measured=values if measured else None,
        fit=fit if measured else None,
        phases=("LiFePO4", "FePO4"),
        fractions=np.array([0.7, 0.3]),
        sigma=np.array([0.02, 0.02]),
    )


def drawn(*spectra, detailed=None):
    return [
        DrawnSpectrum(spectrum=one, colour=CURVES[number], with_components=number == detailed)
        for number, one in enumerate(spectra)
    ]


def curves(axes):
    return {line.get_label(): line.get_ydata() for line in axes.get_lines()}


def test_one_spectrum_shows_points_fit_components_and_residual():
    figure = Figure()
    upper = draw_spectra(figure, drawn(probed(), detailed=0))
    shown = curves(upper)
    np.testing.assert_array_equal(shown["voxel 1, 2, 3"], probed().measured)
    np.testing.assert_allclose(shown["fit, R-factor 1.0e-04"], PARTS.sum(axis=0))
    np.testing.assert_allclose(shown["LiFePO$_{4}$"], PARTS[0])
    np.testing.assert_allclose(shown["background"], PARTS[2])
    assert len(shown) == 5
    residual = figure.axes[1].get_lines()[0].get_ydata()
    np.testing.assert_allclose(residual, [0.01, -0.01, 0.02, 0.0], atol=1e-12)


def test_of_several_spectra_only_the_chosen_one_shows_components():
    figure = Figure()
    upper = draw_spectra(figure, drawn(probed("a"), probed("b"), detailed=1))
    assert len(upper.get_lines()) == 2 * 2 + 3
    told = [text.get_text() for text in upper.get_legend().get_texts()]
    assert told == ["fit, R-factor 1.0e-04", "LiFePO$_{4}$", "FePO$_{4}$", "background"]
    assert draw_spectra(figure, drawn(probed("a"), probed("b"))).get_legend() is None
    figure = Figure()
    draw_spectra(figure, drawn(probed("a"), probed("b"), detailed=1))
    assert [to_hex(line.get_color()) for line in figure.axes[1].get_lines()[:2]] == list(CURVES[:2])


@pytest.mark.parametrize(("unit", "words"), [("1/um", "µ (1/µm)"), ("1", "optical depth")])
def test_axes_name_what_they_show_with_its_unit(unit, words):
    figure = Figure()
    upper = draw_spectra(figure, drawn(probed(unit=unit)))
    assert upper.get_ylabel() == words
    assert ("µm" in figure.axes[1].get_ylabel()) is (unit == "1/um")
    assert figure.axes[1].get_xlabel() == "photon energy (eV)"


def test_where_there_is_no_spectrum_the_figure_says_why():
    figure = Figure()
    assert draw_spectra(figure, []) is None
    assert figure.texts[0].get_text() == NOTHING_YET
    assert draw_spectra(figure, drawn(probed(measured=False))) is None
    assert figure.texts[0].get_text() == NO_SPECTRA
    draw_spectra(figure, drawn(probed(fit=None)))
    assert "no fit" in figure.axes[1].texts[0].get_text()


def test_a_figure_takes_all_its_colours_from_the_theme():
    theme = FigureTheme(background="#102030", text="#f0f0e0", muted="#808080")
    figure = Figure()
    upper = draw_spectra(figure, drawn(probed(), detailed=0), theme=theme)
    assert theme.is_dark
    assert to_hex(figure.get_facecolor()) == to_hex(upper.get_facecolor()) == theme.background
    texts = [upper.yaxis.label, *upper.get_legend().get_texts(), *figure.axes[1].get_xticklabels()]
    assert {to_hex(text.get_color()) for text in texts} == {theme.text}


def test_the_nearest_energy_is_found_and_fractions_are_told_with_their_error():
    assert [nearest_energy(ENERGIES, value) for value in (0, 7114.9, 7115.1, 9999)] == [0, 1, 2, 3]
    assert fraction_text(0.70449, 0.0206) == "0.704 ± 0.021"
    assert fraction_text(0.98213, 0.00031) == "0.9821 ± 0.0003"
    assert fraction_text(np.nan, np.nan) == "–"
    assert fraction_text(0.5, np.nan) == "0.500"


def test_a_new_spectrum_takes_the_place_of_the_one_that_is_not_pinned():
    listing = with_probed((), probed("a"))
    listing = with_probed(listing, probed("b"))
    assert [one.spectrum.name for one in listing] == ["b"]
    listing = with_probed(changed(listing, 0, is_pinned=True, name=" mine "), probed("c"))
    assert [one.spectrum.name for one in listing] == ["mine", "c"]
    listing = with_probed(listing, probed("d"), compare=True)
    assert [one.spectrum.name for one in listing] == ["mine", "c", "d"]
    assert len({one.colour for one in listing}) == 3
    freed = listing[1].colour
    listing = with_probed(without(listing, 1), probed("e"), compare=True)
    assert listing[-1].colour == freed
    assert changed(listing, 0, is_pinned=True, name=" ")[0].spectrum.name == "mine"


def test_a_single_spectrum_shows_its_components_and_of_several_the_chosen_one():
    one = with_probed((), probed("a"))
    two = with_probed(one, probed("b"), compare=True)
    assert [shown.with_components for shown in as_drawn(one)] == [True]
    assert [shown.with_components for shown in as_drawn(two)] == [False, False]
    assert [shown.with_components for shown in as_drawn(two, chosen=1)] == [False, True]


def test_a_figure_that_is_used_again_looks_as_a_new_one():
    used, new = Figure(), Figure()
    draw_spectra(used, drawn(probed("a"), probed("b"), detailed=1))
    draw_spectra(used, drawn(probed("c", fit=None)))
    draw_spectra(used, drawn(probed("d"), detailed=0))
    draw_spectra(new, drawn(probed("d"), detailed=0))
    for one, other in zip(used.axes, new.axes, strict=True):
        assert [line.get_label() for line in one.lines][:2] == [line.get_label() for line in other.lines][:2]
        assert len(one.lines) == len(other.lines)
        assert len(one.texts) == len(other.texts)
        np.testing.assert_allclose(one.get_xlim(), other.get_xlim())
        np.testing.assert_allclose(one.get_ylim(), other.get_ylim())
    words = [[text.get_text() for text in figure.axes[0].get_legend().get_texts()] for figure in (used, new)]
    assert words[0] == words[1]


def test_margins_keep_their_size_whatever_the_size_of_the_figure():
    for size in ((3, 2), (9, 7)):
        figure = Figure(figsize=size)
        upper = draw_spectra(figure, drawn(probed()))
        left = upper.get_position().x0 * size[0] * 72
        assert left == pytest.approx(LEFT_PT, abs=0.5)


def test_spectra_of_a_result_with_other_phases_start_a_new_list():
    listing = with_probed((), probed("a"))
    other = dataclasses.replace(probed("b"), phases=("NiO", "Ni"))
    assert [one.spectrum.name for one in with_probed(listing, other, compare=True)] == ["b"]


def test_colours_of_phases_stand_out_from_dark_and_from_light():
    gold, green = (0.97, 0.75, 0.09), (0.0, 0.48, 0.3)
    dark = FigureTheme(background="#262930", text="#f0f1f2", muted="#6a7380")
    assert np.all(np.array(legible(gold, LIGHT)) < gold)
    assert legible(green, LIGHT) == green
    assert np.all(np.array(legible(green, dark)) > green)
