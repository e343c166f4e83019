"""`xanesmap combinations` and `xanesmap energies`: tables that say what a sample holds and what to measure."""

import numpy as np

from xanesmap.phasemap.result import open_result
from xanesmap.spectra.reference import Reference, bundled_reference
from xanesmap.viewers.drawing.region_combinations import rank_regions


def strangers():
    """Two spectra the sample does not hold: LiFePO4 with its edge elsewhere."""
    lfp = bundled_reference("LFP")
    return [
        Reference(name=name, source="test", energies_ev=lfp.energies_ev, values=np.roll(lfp.values, shift))
        for name, shift in (("early", -60), ("late", 90))
    ]


def test_the_phases_of_a_result_come_first_among_strangers(small_result):
    found = rank_regions(small_result, [bundled_reference("LFP"), bundled_reference("FP"), *strangers()], most=2)
    assert found.regions[0] == "LiFePO4"
    assert set(found.ranked[0].names) == {"LiFePO4", "FePO4"}
    assert found.ranked[0].fraction[0, 0] > 0.9
    assert found.ranked[1].difference > 10


def test_a_result_made_with_a_wrong_reference_is_told(small_result):
    lfp, fp = bundled_reference("LFP"), bundled_reference("FP")
    wrong = Reference(name="FePO4", source="test", energies_ev=lfp.energies_ev, values=strangers()[1].values)
    true = Reference(name="true FePO4", source="test", energies_ev=fp.energies_ev, values=fp.values)
    found = rank_regions(small_result, [lfp, wrong, true], most=2)
    assert set(found.ranked[0].names) == {"LiFePO4", "true FePO4"}
    assert any("the sample holds something else" in note for note in found.notes)


def test_the_command_prints_the_table_and_refuses_what_it_cannot_rank(command, small_result, tmp_path):
    code, out, _ = command("combinations", small_result.path, "bundled", "--most", 2)
    assert code == 0
    assert "LiFePO4 + FePO4" in " ".join(out.split())
    code, _, err = command("combinations", small_result.path, "bundled", "--criterion", "best")
    assert code == 2
    assert "there are bic and aicc" in err
    code, _, err = command("combinations", tmp_path / "none.zarr", "bundled")
    assert code == 2
    assert "does not exist" in err


def test_references_of_another_edge_are_refused(command, small_result, tmp_path):
    lfp = bundled_reference("LFP")
    np.savetxt(tmp_path / "nickel.csv", np.column_stack([lfp.energies_ev + 1221, lfp.values]), delimiter=",")
    code, _, err = command("combinations", small_result.path, tmp_path / "nickel.csv")
    assert code == 2
    assert "cover 0 of 8 energies" in err


def test_a_result_without_attenuation_is_refused(small_result, command, tmp_path, small_scan):
    from xanesmap.phasemap.pipeline import map_phases

    result = map_phases(small_scan.folder, out=tmp_path / "bare.zarr", keep_mu=False)
    assert open_result(result.path).mu is None
    code, _, err = command("combinations", result.path, "bundled")
    assert code == 2
    assert "did not keep its attenuation" in err


def test_energies_prints_sets_and_their_errors(command):
    code, out, _ = command("energies", "--among", "7092:7192:4")
    assert code == 0
    assert "sigma of fraction" in out
    assert "7124" in out
    code, _, err = command("energies", "--among", "7092,7100")
    assert code == 2
    assert "2 energies cannot be ranked" in err
