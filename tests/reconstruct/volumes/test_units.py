import pytest

from xanesmap.reconstruct.volumes.units import VOLUME_UNITS, per_um_factor, volume_unit_from

NAMES = {
    "1/um": [
        "1/um",
        "1 / um",
        "1/µm",
        "um^-1",
        "um-1",
        "um**-1",
        "µm^{-1}",
        "per um",
        "per micron",
        "/um",
        "1/micrometers",
    ],
    "1/mm": ["1/mm", "mm^-1"],
    "1/cm": ["1/cm", "CM-1", "cm^(-1)", "per cm"],
    "1/m": ["1/m", "m^-1"],
    "1/pixel": ["1/pixel", "1/px", "per pixel", "1/voxel", "pixels^-1", "per voxel"],
}


@pytest.mark.parametrize(("unit", "text"), [(unit, text) for unit, texts in NAMES.items() for text in texts])
def test_units_are_known_by_their_usual_names(unit, text):
    assert volume_unit_from(text) == unit
    assert unit in VOLUME_UNITS


@pytest.mark.parametrize(
    "text", ["", "um", "cm", "1/inch", "counts", "g/cm^3", "1/um^2", "cm^-2", "1/nm", "arb. u.", "1/"]
)
def test_what_is_no_such_unit_is_not_guessed(text):
    assert volume_unit_from(text) is None


def test_attenuation_of_ten_per_centimetre_is_a_thousandth_per_micrometre():
    for unit, value in (("1/um", 1e-3), ("1/mm", 1.0), ("1/cm", 10.0), ("1/m", 1e3), ("1/pixel", 4e-5)):
        assert value * per_um_factor(unit, pixel_size_um=0.04) == pytest.approx(1e-3)
