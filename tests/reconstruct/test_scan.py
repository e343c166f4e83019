from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.reconstruct.scan import require_two_energies, scan_from_tomograms


@dataclass(frozen=True)
class StandIn:
    source: Path
    energy_ev: float
    n_rows: int = 4
    n_columns: int = 6
    pixel_size_nm: float | None = 40.0
    notes: tuple[str, ...] = field(default=())


def recorded(*energies_ev, **changes):
    return [StandIn(Path(f"scan/e{i}.h5"), energy, **changes) for i, energy in enumerate(energies_ev)]


def test_energies_recorded_upwards_are_kept_without_a_note():
    scan = scan_from_tomograms(recorded(7100.0, 7110.0, 7120.0))
    np.testing.assert_array_equal(scan.energies_ev, [7100.0, 7110.0, 7120.0])
    assert scan.energies_ev.dtype == np.float64
    assert scan.notes == ()
    assert (scan.n_rows, scan.n_columns) == (4, 6)


def test_energies_recorded_downwards_are_turned_round_with_a_note():
    scan = scan_from_tomograms(recorded(7120.0, 7110.0, 7100.0))
    np.testing.assert_array_equal(scan.energies_ev, [7100.0, 7110.0, 7120.0])
    assert scan.tomograms[0].source == Path("scan/e2.h5")
    assert "high to low" in scan.notes[0]


@pytest.mark.parametrize(
    ("energies", "culprit"),
    [
        ((7100.0, 7110.0, 7105.0, 7120.0), r"e2\.h5: its energy, 7105\.00 eV, is out of order after e1\.h5"),
        ((7130.0, 7120.0, 7125.0, 7110.0, 7100.0), r"e2\.h5: its energy, 7125\.00 eV"),
    ],
)
def test_energies_out_of_order_are_refused_naming_the_first_and_the_remedy(energies, culprit):
    with pytest.raises(DataError, match=culprit + ".*--sort-energies"):
        scan_from_tomograms(recorded(*energies))


@given(st.lists(st.integers(7000, 7300), min_size=2, max_size=12, unique=True))
def test_sorting_on_request_puts_any_order_right(energies):
    scan = scan_from_tomograms(recorded(*map(float, energies)), sort_energies=True)
    np.testing.assert_array_equal(scan.energies_ev, sorted(energies))
    monotonic = energies in (sorted(energies), sorted(energies, reverse=True))
    assert any("sorted as asked" in note for note in scan.notes) == (not monotonic)


@pytest.mark.parametrize("sort_energies", [False, True])
@pytest.mark.parametrize("second", [7110.0, 7110.005])
def test_an_energy_recorded_twice_is_refused_naming_both_files(sort_energies, second):
    with pytest.raises(DataError, match=r"e1\.h5 and .*e3\.h5 are both recorded at 7110\.00 eV"):
        scan_from_tomograms(recorded(7100.0, 7110.0, 7120.0, second), sort_energies=sort_energies)


def test_no_tomogram_is_no_scan():
    with pytest.raises(DataError, match="at least one tomogram"):
        scan_from_tomograms([])


def test_one_energy_is_a_scan_but_makes_no_phase_map():
    scan = scan_from_tomograms(recorded(7112.0))
    with pytest.raises(DataError, match=r"two energies or more.*e0\.h5 at 7112\.00 eV"):
        require_two_energies(scan)
    require_two_energies(scan_from_tomograms(recorded(7112.0, 7113.0)))


def test_an_unknown_energy_is_refused_unless_it_is_the_only_one():
    assert np.isnan(scan_from_tomograms(recorded(np.nan)).energies_ev[0])
    with pytest.raises(DataError, match=r"e1\.h5: no photon energy is recorded \(2 of 3 .*energies_ev"):
        scan_from_tomograms(recorded(7112.0, np.nan, np.nan))


def test_the_odd_frame_shape_is_named():
    odd = StandIn(Path("scan/odd.h5"), 7090.0, n_rows=5)
    with pytest.raises(DataError, match=r"odd\.h5: frames are 5 x 6 pixels, those of e0\.h5 4 x 6"):
        scan_from_tomograms([odd, *recorded(7100.0, 7110.0)])


def test_the_pixel_size_is_the_median_of_those_recorded():
    tomograms = [
        *recorded(7100.0, pixel_size_nm=None),
        *recorded(7110.0, pixel_size_nm=40.0),
        *recorded(7120.0, pixel_size_nm=41.0),
    ]
    assert scan_from_tomograms(tomograms).pixel_size_nm == 40.5
    assert scan_from_tomograms(recorded(7100.0, 7110.0, pixel_size_nm=None)).pixel_size_nm is None


def test_a_note_shared_by_files_is_told_once_with_their_number():
    tomograms = [*recorded(7100.0, 7110.0, notes=("No darks.",)), *recorded(7120.0)]
    assert scan_from_tomograms(tomograms, notes=("One left out.",)).notes == (
        "One left out.",
        "No darks. (2 of 3 files)",
    )
