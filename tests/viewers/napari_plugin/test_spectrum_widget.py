import numpy as np

from xanesmap.viewers.napari_plugin.spectrum_widget import SpectrumWidget


def test_a_click_shows_the_spectrum_of_the_voxel_under_it_and_the_line_follows_the_slider(
    session, small_result, shown_widget, mouse, settle
):
    widget = shown_widget(session, SpectrumWidget, "spectrum")
    session.dims.ndisplay = 2
    voxel = np.argwhere(small_result.phase_labels.to_numpy() == 1)[0]
    session.dims.set_current_step(1, int(voxel[0]))
    um = small_result.pixel_size_um
    session.scene.camera.center = (0, voxel[1] * um, voxel[2] * um)
    settle()
    mouse.click(session)
    assert widget.picked == tuple(voxel.tolist())
    np.testing.assert_array_equal(widget.spectra[0].measured, small_result.spectrum(*voxel))
    session.dims.set_current_step(0, 2)
    assert widget._line.get_xdata()[0] == small_result.energies_ev[2]
