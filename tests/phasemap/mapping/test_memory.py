from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xanesmap.errors import DataError
from xanesmap.phasemap.mapping.memory import slab_size
from xanesmap.phasemap.mapping.slab import NOISE_ROWS
from xanesmap.reconstruct.scan import Scan


def scan_of(*, n_rows, n_columns, n_energies=24, n_angles=121):
    tomogram = SimpleNamespace(
        source=Path("a.h5"), angles_rad=np.linspace(0, np.pi, n_angles), n_rows=n_rows, n_columns=n_columns
    )
    return Scan(tomograms=(tomogram,) * n_energies)


@given(
    n_rows=st.integers(1, 300),
    n_columns=st.integers(16, 600),
    threads=st.integers(1, 16),
    memory=st.integers(10**8, 10**11),
)
def test_slabs_cover_the_scan_and_stay_within_the_budget(n_rows, n_columns, threads, memory):
    scan = scan_of(n_rows=n_rows, n_columns=n_columns)
    try:
        size = slab_size(scan, n_phases=2, memory_bytes=memory, threads=threads)
    except DataError:
        return
    # mu of all energies is the least that a slab holds
    assert size.workers * size.rows * n_columns**2 * 24 * 4 <= memory
    assert 1 <= size.rows <= n_rows
    assert 1 <= size.workers <= min(threads, n_rows)
    assert size.rows % NOISE_ROWS == 0 or size.rows in (1, 2, 3, n_rows)


@pytest.mark.parametrize(("n_rows", "threads", "rows"), [(24, 1, 24), (24, 2, 12), (25, 2, 16), (24, 5, 8), (3, 2, 3)])
def test_every_worker_has_its_share_in_whole_groups_of_rows(n_rows, threads, rows):
    scan = scan_of(n_rows=n_rows, n_columns=40)
    assert slab_size(scan, n_phases=2, memory_bytes=10**10, threads=threads).rows == rows


def test_more_memory_never_means_smaller_slabs():
    scan = scan_of(n_rows=256, n_columns=512)
    sizes = [slab_size(scan, n_phases=2, memory_bytes=10**9 * n, threads=1).rows for n in (1, 2, 4, 8, 16, 64)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_more_phases_need_more_memory():
    scan = scan_of(n_rows=256, n_columns=512)
    few, many = (slab_size(scan, n_phases=k, memory_bytes=2 * 10**9, threads=1).rows for k in (2, 5))
    assert many < few


def test_a_budget_below_one_row_is_refused_with_what_is_needed():
    scan = scan_of(n_rows=256, n_columns=2048, n_energies=50, n_angles=1500)
    with pytest.raises(DataError, match=r"0.5 GB was asked.*50 energies, 2048 columns\) needs .* GB. Raise --memory"):
        slab_size(scan, n_phases=2, memory_bytes=5 * 10**8, threads=4)
