import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from xanesmap.reconstruct.readers import open_scan
from xanesmap.viewers.drawing.figure_file import save_figure
from xanesmap.viewers.napari_plugin.parts.figure_theme import FigureTheme
from xanesmap.viewers.napari_plugin.projections.contact_sheet import contact_figure, make_contact_sheet
from xanesmap.viewers.napari_plugin.projections.frames import Projections

DARK = FigureTheme(background="#262930", text="#f0f1f2", muted="#6a7380")


@pytest.fixture(scope="module")
def projections(small_scan):
    return Projections(open_scan(small_scan.folder))


def test_a_sheet_over_energies_holds_every_energy_at_one_angle(projections):
    sheet = make_contact_sheet(projections, over="energies", at=projections.angle_deg(0, 8))
    assert sheet.images.shape == (8, 24, 40)
    np.testing.assert_array_equal(sheet.images[5], projections.frame(5, 8))
    assert sheet.labels[0] == "7092.0 eV"
    assert sheet.title == "attenuation at 36.0°"
    assert sheet.pixel_um == pytest.approx(0.32)


def test_a_sheet_over_angles_is_spread_evenly_in_order_of_angle(projections):
    sheet = make_contact_sheet(projections, over="angles", at=2, tiles=6, shown="transmission")
    angles = [float(label[:-1]) for label in sheet.labels]
    assert len(angles) == 6
    assert angles == sorted(angles)
    assert angles[0] == 0
    assert angles[-1] == pytest.approx(projections.angle_deg(2, 39))
    assert sheet.title == "transmission at 7119.00 eV (Fe K +7 eV)"


def test_wide_frames_are_averaged_in_blocks(projections, monkeypatch):
    monkeypatch.setattr("xanesmap.viewers.napari_plugin.projections.contact_sheet._TILE_PIXELS", 15)
    sheet = make_contact_sheet(projections, over="energies", at=0, tiles=2)
    frame = projections.frame(0, 0)
    assert sheet.images.shape == (2, 8, 13)
    assert sheet.images[0, 1, 2] == pytest.approx(frame[3:6, 6:9].mean(), rel=1e-5)
    assert sheet.pixel_um == pytest.approx(0.96)


@pytest.mark.parametrize("tiles", [1, 2, 5, 30])
def test_no_tile_lies_on_another_or_beyond_the_sheet(projections, tiles):
    figure = contact_figure(make_contact_sheet(projections, over="angles", at=0, tiles=tiles))
    boxes = [axes.get_position() for axes in figure.axes]
    for number, box in enumerate(boxes):
        assert min(box.x0, box.y0) >= 0
        assert max(box.x1, box.y1) <= 1
        for other in boxes[:number]:
            assert box.x1 <= other.x0 or other.x1 <= box.x0 or box.y1 <= other.y0 or other.y1 <= box.y0
    width, height = figure.get_size_inches()
    tile = boxes[0]
    assert tile.height * height / (tile.width * width) == pytest.approx(24 / 40)


def test_a_sheet_is_saved_and_takes_the_colours_of_the_theme(projections, tmp_path):
    sheet = make_contact_sheet(projections, over="energies", at=0)
    save_figure(contact_figure(sheet), tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
    canvas = FigureCanvasAgg(contact_figure(sheet, theme=DARK))
    canvas.draw()
    assert tuple(np.asarray(canvas.buffer_rgba())[-1, -1, :3]) == (0x26, 0x29, 0x30)
