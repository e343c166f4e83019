import numpy as np
import pytest
import zarr

from xanesmap.phasemap.storage.noise_maps import RowGroups, create_noise_maps, open_noise_maps
from xanesmap.reconstruct.propagation import VoxelVariance


@pytest.mark.parametrize(("n_rows", "slab_rows"), [(24, 24), (24, 8), (23, 6), (7, 3), (5, 64), (1, 1)])
def test_every_row_finds_the_noise_that_was_written_for_it(n_rows, slab_rows, tmp_path):
    groups = RowGroups(n_rows=n_rows, slab_rows=slab_rows, group_rows=4)
    zarr.create_group(tmp_path / "r.zarr", zarr_format=3)
    written = create_noise_maps(tmp_path / "r.zarr", groups, n_energies=3, n_points=5, n_radii=9)
    for start in range(0, n_rows, slab_rows):
        rows = np.arange(start, min(start + slab_rows, n_rows))
        firsts = rows[:: groups.group_rows].astype(float)
        counting = np.broadcast_to(firsts[:, None, None], (3, len(firsts), 5, 5))
        written.write(
            start, VoxelVariance(counting=counting, ring=np.broadcast_to(firsts[:, None], (3, len(firsts), 9)))
        )
    found = open_noise_maps(tmp_path / "r.zarr", n_rows=n_rows)
    for start, stop in ((0, n_rows), (n_rows // 2, n_rows), (n_rows - 1, n_rows)):
        noise, of_rows = found.read(start, stop)
        expected = [row - (row % slab_rows) % 4 for row in range(start, stop)]
        np.testing.assert_array_equal(noise.counting[1, of_rows, 2, 3], expected)
        np.testing.assert_array_equal(noise.ring[2, of_rows, 7], expected)


def test_a_result_without_noise_has_none(tmp_path):
    assert open_noise_maps(tmp_path, n_rows=4) is None
