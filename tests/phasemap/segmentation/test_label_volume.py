import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from xanesmap.phasemap.segmentation.label_volume import LabelRule, label_volume


def rule(method):
    return LabelRule(method=method, pure_threshold=0.7, smoothing_px=0.8, blur_px=0.5, coupling=1.0)


@pytest.fixture(scope="module")
def maps():
    rng = np.random.default_rng(0)
    shape = (61, 22, 23)
    smooth = gaussian_filter(rng.normal(size=shape), 3)
    first = np.clip(0.5 + 0.6 * smooth / smooth.std(), 0, 1) + 0.1 * rng.normal(size=shape)
    mask = gaussian_filter(rng.normal(size=shape), 2) > -0.05
    mask[20:30] = False
    return np.stack([first, 1 - first]), np.full((2, *shape), 0.1), mask


@pytest.mark.parametrize("method", ["threshold", "mixture", "random-field"])
@pytest.mark.parametrize("rows", [1, 7, 20])
def test_slabs_give_the_labels_of_one_piece(maps, method, rows):
    whole = label_volume(*maps, rule=rule(method), slab_rows=61)
    steps = []
    slabs = label_volume(
        *maps, rule=rule(method), slab_rows=rows, slab_done=lambda done, total: steps.append(done / total)
    )
    np.testing.assert_array_equal(slabs, whole)
    assert steps[-1] == 1
    assert set(np.unique(whole)) == {0, 1, 2, 3}
    assert ((whole == 0) == ~maps[2]).all()


@pytest.mark.parametrize("method", ["threshold", "mixture", "random-field"])
def test_an_empty_mask_has_no_labels(method):
    nothing = np.full((2, 4, 5, 6), np.nan)
    assert not label_volume(nothing, nothing, np.zeros((4, 5, 6), bool), rule=rule(method)).any()
