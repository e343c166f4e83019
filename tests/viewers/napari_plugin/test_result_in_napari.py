import numpy as np

from xanesmap.phasemap.result import open_result


def test_napari_draws_fractions_and_labels_of_a_result(viewer, small_result):
    """As a script adds them, without the plugin."""
    result = open_result(small_result.path)
    place = {"scale": (result.pixel_size_um,) * 3, "units": ("um",) * 3}
    viewer.add_image(result.fraction[0].data, axis_labels=result.amount.dims, **place)
    viewer.add_labels(np.asarray(result.phase_labels), opacity=0.5, **place)
    canvas = viewer.screenshot(canvas_only=True, flash=False)
    # an empty canvas has one colour; fractions are grey and labels are not
    assert len(np.unique(canvas.reshape(-1, 4), axis=0)) > 10
    assert np.ptp(canvas[..., :3].astype(int), axis=-1).max() > 50
