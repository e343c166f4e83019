"""The energy scale of a run: found, given, from a foil, or left alone, and always told."""

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.config import make_config
from xanesmap.phasemap.mapping.energy_scale import find_energy_scale, sample_on_scale, scale_facts
from xanesmap.phasemap.mapping.fit_model import edge_windows, fit_model, notes_of_model
from xanesmap.phasemap.presets import CHOSEN_ENERGIES_EV
from xanesmap.spectra.absorption import attenuation_per_um
from xanesmap.spectra.combination import fit_combination
from xanesmap.spectra.reference import Reference, bundled_reference, sample_references

ENERGIES = np.array(CHOSEN_ENERGIES_EV)
PHASES = [bundled_reference("LFP"), bundled_reference("FP")]


def settings(**changes):
    return make_config({"scan": "x", "spectra": changes}).spectra


def model_as_recorded(references, chosen, **options):
    return fit_model(find_energy_scale(ENERGIES, references, chosen), references, chosen, **options)


def electrode(offset_ev, *, lfp=0.6, energies=ENERGIES):
    both = [attenuation_per_um(phase, energies + offset_ev) for phase in ("LiFePO4", "FePO4")]
    return lfp * both[0] + (1 - lfp) * both[1]


def test_a_number_is_taken_as_it_is_and_fit_waits_for_the_spectrum():
    given_scale = find_energy_scale(ENERGIES, PHASES, settings(energy_offset_ev=-1.5), total=electrode(2.0))
    assert (given_scale.offset_ev, given_scale.source) == (-1.5, "given")
    np.testing.assert_allclose(given_scale.energies_ev, ENERGIES - 1.5)
    waiting = find_energy_scale(ENERGIES, PHASES, settings())
    assert (waiting.offset_ev, waiting.source, waiting.notes) == (0.0, "as recorded", ())


@pytest.mark.parametrize("true_ev", [-2.5, 0.0, 1.38])
def test_the_offset_is_found_and_told_with_its_error(true_ev):
    scale = find_energy_scale(ENERGIES, PHASES, settings(), total=electrode(true_ev))
    assert scale.offset_ev == pytest.approx(true_ev, abs=0.01)
    assert scale.source == "fitted"
    assert f"moved by {scale.offset_ev:+.3f} +- " in scale.notes[0]
    told = scale_facts(scale)
    assert told["energy_offset_ev"] == scale.offset_ev
    assert told["energy_scale"]["summed_spectrum"]["misfit"] < 0.01
    assert len(told["energies_on_scale_ev"]) == ENERGIES.size


def test_what_cannot_be_found_is_left_alone_with_a_note():
    scale = find_energy_scale(ENERGIES, PHASES, settings(), total=np.zeros(24))
    assert (scale.offset_ev, scale.source) == (0.0, "as recorded")
    assert "was not fitted, because the spectra show no edge" in scale.notes[0]


def test_references_that_do_not_describe_the_sample_raise_a_doubt():
    stranger = 0.02 * np.exp(-0.5 * ((ENERGIES - 7119) / 2) ** 2)
    scale = find_energy_scale(ENERGIES, PHASES, settings(), total=electrode(0.0) + stranger)
    assert any("can pass for an energy offset" in note for note in scale.notes) or scale.source == "as recorded"


def test_one_bad_energy_does_not_pull_the_offset_and_is_told():
    total = electrode(0.4) * (1 + 1e-3 * np.random.default_rng(0).standard_normal(ENERGIES.size))
    total[0] *= 0.9  # an exposure whose contrast is 10 % low
    scale = find_energy_scale(ENERGIES, PHASES, settings(), total=total)
    assert scale.offset_ev == pytest.approx(0.4, abs=0.03)
    assert any("does not fit at 7092.0 eV" in note for note in scale.notes)


def test_a_drift_is_found_on_request():
    moves = 1.0 + np.linspace(-0.2, 0.2, ENERGIES.size)
    scale = find_energy_scale(ENERGIES, PHASES, settings(energy_offset_ev="fit-drift"), total=electrode(moves))
    assert scale.drift_ev == pytest.approx(0.4, abs=0.03)
    np.testing.assert_allclose(scale.energies_ev, ENERGIES + moves, atol=0.03)
    assert "with a drift of" in scale.notes[0]


def test_a_foil_sets_the_offset(tmp_path):
    energies = np.arange(7080.0, 7160.0, 0.3)
    rises = 0.4 * np.tanh((energies - 7110.8) / 1.8) + 0.6 * np.tanh((energies - 7119) / 2)
    np.savetxt(tmp_path / "foil.csv", np.column_stack([energies, 1 + rises]), delimiter=",")
    scale = find_energy_scale(ENERGIES, PHASES, settings(foil=str(tmp_path / "foil.csv")), total=electrode(0.0))
    assert scale.offset_ev == pytest.approx(1.2, abs=0.05)
    assert scale.source == "foil"
    assert "first inflection of the foil" in scale.notes[0]


def short_references():
    """Known over the range of the scan and no further."""
    dense = np.linspace(7092.0, 7192.0, 1001)
    return [
        Reference(name=r.name, source="test", energies_ev=dense, values=sample_references([r], dense)[0])
        for r in PHASES
    ]


def test_energies_moved_beyond_the_references_lose_their_say_and_are_told():
    scale = find_energy_scale(ENERGIES, short_references(), settings(), total=electrode(2.0))
    assert scale.offset_ev == pytest.approx(2.0, abs=0.02)
    np.testing.assert_array_equal(ENERGIES[~scale.covered], [7192.0])
    assert "1 energies (7192.0 eV) beyond the references" in scale.notes[-1]
    model = fit_model(scale, short_references(), settings())
    assert not model.used[-1]
    wrong_at_the_end = electrode(2.0, lfp=1.0)
    wrong_at_the_end[-1] += 1.0
    assert fit_combination(wrong_at_the_end, model).fraction[0] == pytest.approx(1, abs=0.005)
    with pytest.raises(DataError, match=r"energy offset \+3 eV"):
        model_as_recorded(short_references(), settings(energy_offset_ev=3.0))
    assert np.isfinite(sample_on_scale(short_references(), scale)).all()


@pytest.mark.parametrize("kind", ["constant", "global-slope", "line"])
def test_a_normalisation_goes_in_place_of_the_background(kind):
    chosen = settings(normalisation=kind, pre_edge_ev=(7091, 7111))
    model = model_as_recorded(PHASES, chosen, total=electrode(0.0))
    assert len(model.background) == 0
    assert fit_combination(electrode(0.0, lfp=1.0), model).fraction[0] == pytest.approx(1, abs=0.03)


def test_a_short_pre_edge_is_told_and_windows_can_be_given():
    chosen = settings(normalisation="line", pre_edge_ev=(7091, 7111))
    assert edge_windows(ENERGIES, chosen).pre_edge_ev == (7091, 7111)
    model = model_as_recorded(PHASES, chosen)
    (note,) = notes_of_model(ENERGIES, model, chosen)
    assert "from 18 eV of pre-edge (4 energies)" in note
    assert notes_of_model(ENERGIES, model_as_recorded(PHASES, settings()), settings()) == []


def test_a_bad_energy_is_rejected_on_request_and_told():
    total = electrode(0.0)
    total[10] *= 1.2
    assert model_as_recorded(PHASES, settings(), total=total).used.all()
    chosen = settings(bad_energies="reject")
    model = model_as_recorded(PHASES, chosen, total=total)
    assert not model.used[10]
    assert model.used.sum() >= 20
    assert f"{ENERGIES[10]:.1f}" in notes_of_model(ENERGIES, model, chosen)[0]
