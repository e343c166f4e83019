import json
import shutil

import numpy as np
import pytest

from xanesmap.phasemap.morphology.job import segment_phases
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.segmentation.config import make_segment_config
from xanesmap.phasemap.segmentation.phase_labelling import label_result, label_threshold
from xanesmap.phasemap.storage.amendment import read_table


@pytest.fixture
def copy(small_result, tmp_path):
    """A copy of the small result, to be segmented."""
    return open_result(shutil.copytree(small_result.path, tmp_path / "copy.zarr"))


def test_labels_are_those_that_a_segmentation_stores(copy):
    settings = {"pure_threshold": 0.8, "least_voxels": 20, "null_draws": 0, "error_draws": 0}
    config = make_segment_config({**settings, "mask_threshold_per_um": 0.5 * float(np.nanmedian(copy.amount))})
    found = label_result(copy, config)
    stored = segment_phases(copy, **config.model_dump(exclude_unset=True))
    np.testing.assert_array_equal(stored.phase_labels.to_numpy(), found.labels)
    np.testing.assert_array_equal(stored.particle_labels.to_numpy(), found.particles.labels)
    assert len(read_table(copy.path, "particles")["index"]) == found.particles.count


def test_a_threshold_narrows_the_sample_and_leaves_the_mask_of_the_result(copy):
    amount = copy.amount.to_numpy()
    threshold = 0.8 * float(np.nanmedian(amount))
    whole = label_result(copy, make_segment_config({}))
    narrow = label_result(copy, make_segment_config({"mask_threshold_per_um": threshold}))
    np.testing.assert_array_equal(whole.mask, copy.mask.to_numpy() > 0)
    assert 0 < narrow.mask.sum() < whole.mask.sum()
    assert np.nanmean(amount[narrow.mask]) > np.nanmean(amount[whole.mask & ~narrow.mask])
    assert not narrow.labels[~narrow.mask].any()
    assert narrow.labels[narrow.mask].all()


def test_the_threshold_of_a_result_is_that_of_its_last_segmentation(small_result, tmp_path):
    assert label_threshold(small_result) == 0.7
    path = shutil.copytree(small_result.path, tmp_path / "copy.zarr")
    root = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    root["attributes"]["xanesmap"]["label_threshold"] = 0.85
    (path / "zarr.json").write_text(json.dumps(root), encoding="utf-8")
    assert label_threshold(open_result(path)) == 0.85
