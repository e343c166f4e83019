import numpy as np
import pytest
from PIL import Image

from xanesmap.errors import DataError
from xanesmap.viewers.movies.picture_file import write_picture
from xanesmap.viewers.movies.view_page import (
    ColourScale,
    Page,
    averaged,
    on_page,
    opacity_from,
    printed_size,
    surroundings,
)

GREY_RAMP = np.repeat(np.linspace(0, 1, 256)[:, None], 4, axis=1)


def plain(size, colour=(10, 200, 30, 255)):
    return np.broadcast_to(np.array(colour, np.uint8), (*size, 4)).copy()


def test_a_column_of_a_journal_at_300_dpi_is_1004_pixels_wide():
    assert printed_size(85, 300, aspect=4 / 3) == (753, 1004)


def test_the_view_leaves_room_for_what_is_beside_and_below():
    bare = Page(size=(600, 800), dpi=150, scale_bar=False)
    assert bare.view_size == (600, 800)
    scale = ColourScale(title="thickness (µm)", ramp=GREY_RAMP, limits=(0.0, 1.0))
    full = Page(size=(600, 800), dpi=150, colours=scale, caption="particle 1")
    assert full.view_size[0] < 600
    assert full.view_size[1] < 800
    with pytest.raises(DataError, match="leave room beside its texts"):
        Page(size=(60, 80), dpi=300).check()


def test_the_scale_bar_has_the_length_it_tells():
    page = Page(size=(600, 800), dpi=150)
    um_per_pixel = 0.01  # 176 pixels may be used, so 1 um: 100 pixels
    around = surroundings(page, um_per_pixel)
    dark = (around[..., :3].max(axis=-1) < 40) & (around[..., 3] > 200)
    longest = max(np.diff(np.flatnonzero(np.diff([0, *row.astype(int), 0]))[:2]).max(initial=0) for row in dark)
    assert longest == pytest.approx(100, abs=2)


@pytest.mark.parametrize(
    ("background", "expected"), [("white", (255, 255, 255, 255)), ("black", (0, 0, 0, 255)), ("transparent", None)]
)
def test_the_background_is_the_one_asked_for(background, expected):
    page = Page(size=(200, 300), dpi=100, background=background)
    view = plain(page.view_size, (0, 0, 0, 0))
    whole = on_page(page, view, surroundings(page, 0.01))
    if expected is None:
        assert whole[0, 0, 3] == 0
    else:
        assert tuple(whole[0, 0]) == expected
    assert np.any(whole[page.view_size[0] :] != whole[0, 0])  # the scale bar below


def test_the_view_is_copied_as_it_is():
    page = Page(size=(200, 300), dpi=100)
    whole = on_page(page, plain(page.view_size), surroundings(page, 0.01))
    height, width = page.view_size
    assert np.all(whole[:height, :width] == (10, 200, 30, 255))


def test_opacity_follows_from_two_backgrounds():
    colours = np.array([[[200.0, 100, 40], [200, 100, 40], [0, 0, 0]]])
    opacity = np.array([[1.0, 0.4, 0.0]])[..., None]
    on_black, on_white = (np.rint(colours * opacity + level * (1 - opacity)).astype(np.uint8) for level in (0, 255))
    found = opacity_from(on_black, on_white)
    np.testing.assert_allclose(found[..., 3] / 255, opacity[..., 0], atol=0.01)
    np.testing.assert_allclose(found[0, :2, :3], colours[0, :2], atol=3)


def test_smooth_edges_are_means():
    picture = np.zeros((4, 6, 4), np.uint8)
    picture[:2, :1] = 200
    assert averaged(picture, 2).shape == (2, 3, 4)
    assert averaged(picture, 2)[0, 0, 0] == 100
    assert averaged(picture, 2)[1:].max() == 0


def test_a_written_picture_tells_its_resolution(tmp_path):
    picture = plain((30, 40))
    for suffix in (".png", ".tif"):
        path = write_picture(tmp_path / "new" / f"picture{suffix}", picture, dpi=300)
        with Image.open(path) as read:
            assert read.size == (40, 30)
            assert read.mode == "RGB"
            assert read.info["dpi"] == pytest.approx((300, 300), abs=0.1)
            np.testing.assert_array_equal(np.asarray(read), picture[..., :3])
    picture[0, 0, 3] = 0
    with Image.open(write_picture(tmp_path / "clear.png", picture, dpi=300)) as read:
        assert read.mode == "RGBA"


def test_a_picture_that_exists_or_has_no_format_is_told(tmp_path):
    write_picture(tmp_path / "picture.png", plain((8, 8)), dpi=100)
    with pytest.raises(DataError, match="give --overwrite"):
        write_picture(tmp_path / "picture.png", plain((8, 8)), dpi=100)
    write_picture(tmp_path / "picture.png", plain((9, 9)), dpi=100, overwrite=True)
    with pytest.raises(DataError, match=r"let --out end in \.png or \.tif"):
        write_picture(tmp_path / "picture.jpg", plain((8, 8)), dpi=100)
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be written"):
        write_picture(tmp_path / "file" / "picture.png", plain((8, 8)), dpi=100)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "picture.png"]
