"""Maps of all voxels are written slab by slab, in their places, whatever the extent of slabs and blocks."""

import numpy as np
import pytest

from xanesmap.errors import DataError
from xanesmap.phasemap.maps.voxel_maps import layers_named, require_attenuation, slabs_of_voxels
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.storage.amendment import Amendment
from xanesmap.phasemap.storage.layers import EDGE_MAP_NAMES, layer_named
from xanesmap.phasemap.storage.result_store import ResultWriter

SHAPE = (5, 70, 300)
ENERGIES = [7100.0, 7130.0, 7150.0]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A result of three slabs with random attenuation and mask; one voxel of it has no value at an energy."""
    path, rng = tmp_path_factory.mktemp("voxels") / "a.zarr", np.random.default_rng(0)
    mu = rng.random((3, *SHAPE), np.float32)
    mask = rng.random(SHAPE) < 0.3
    mask[0, :64, :256] = False  # a block without sample
    mask[4, 2, 3] = True
    mu[1, 4, 2, 3] = np.nan
    settings = {"phases": ("A", "B"), "energies_ev": ENERGIES, "pixel_size_um": 0.1, "slab_rows": 2, "keep_mu": True}
    with ResultWriter(path, shape=SHAPE, attributes={"fit": {}}, attenuation_unit="1", **settings) as writer:
        for start in range(0, SHAPE[0], 2):
            rows = slice(start, min(start + 2, SHAPE[0]))
            own = mask[rows]
            one = np.ones(own.shape, np.float32)
            writer.write_slab(
                start,
                rows.stop,
                mu=mu[:, rows],
                mask=own.astype(np.uint8),
                phase_labels=own.astype(np.uint8),
                fraction=np.stack([one, one]) / 2,
                fraction_sigma=np.stack([one, one]),
                amount=2 * one,
                amount_sigma=one,
                residual=one,
            )
        writer.finish()
    return path


def test_every_voxel_gets_its_own_value_and_the_rest_none(path):
    result = open_result(path)
    layers = {layer_named("components"): (2,), layer_named("cluster_labels"): (), layer_named("edge_step"): ()}
    done = []

    def measure(block):
        total = block.spectra.sum(axis=0)
        return {
            "components": np.stack([total, block.spectra[2]]),
            "cluster_labels": (block.spectra[0] > 0.5) + 1,
            "edge_step": total * block.amount,
        }

    with Amendment(path) as amendment:
        slabs = slabs_of_voxels(result, layers, measure, stage="Test", progress=lambda *told: done.append(told))
        amendment.replace_images(layers, slabs)
        amendment.finish({})
    assert done == [("Test", 1, 3), ("Test", 2, 3), ("Test", 3, 3)]
    found, mu = open_result(path), result.mu.values.astype(np.float64)
    inside = (result.mask.values > 0) & np.isfinite(mu).all(axis=0)
    expected = np.where(inside, mu.sum(axis=0), np.nan)
    np.testing.assert_allclose(
        found.components.values, np.stack([expected, np.where(inside, mu[2], np.nan)]), rtol=1e-6
    )
    np.testing.assert_array_equal(found.cluster_labels.values, np.where(inside, (mu[0] > 0.5) + 1, 0))
    np.testing.assert_allclose(found.edge_maps["edge_step"].values, 2 * expected, rtol=1e-6)
    # an extent above 256 voxels has a pyramid
    coarse = found.levels("components")[1]
    assert coarse.shape == (2, 3, 35, 150)
    block = found.components.values[1, 2:4, 10:12, 20:22]
    assert coarse[1, 1, 5, 10] == pytest.approx(np.nanmean(block), rel=1e-5)
    # this result holds optical depth, without a unit
    assert found.levels("edge_step")[0].attrs["units"] == "1"
    assert found.edge_maps["edge_step"].attrs["units"] == "1"


def test_an_error_in_a_slab_leaves_the_result_as_it_was(path):
    before = {file.relative_to(path): file.stat().st_mtime_ns for file in path.rglob("*") if file.is_file()}

    def fails(block):
        message = "not this slab"
        raise DataError(message)

    layers = layers_named(EDGE_MAP_NAMES)
    with pytest.raises(DataError, match="not this slab"), Amendment(path) as amendment:
        amendment.replace_images(
            layers, slabs_of_voxels(open_result(path), layers, fails, stage="Test", progress=lambda *_: None)
        )
    assert {file.relative_to(path): file.stat().st_mtime_ns for file in path.rglob("*") if file.is_file()} == before


def test_a_result_without_its_attenuation_is_refused(path, tmp_path):
    require_attenuation(open_result(path))
    with Amendment(path) as amendment:
        amendment.remove("mu")
        amendment.finish({})
    with pytest.raises(DataError, match="did not keep its attenuation; run again with --keep-mu"):
        require_attenuation(open_result(path))
