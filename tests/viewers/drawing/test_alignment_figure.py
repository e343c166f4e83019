import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from xanesmap.reconstruct.alignment.report import AlignmentReport
from xanesmap.reconstruct.alignment.shell_correlation import ShellCorrelation
from xanesmap.viewers.drawing.alignment_figure import alignment_figure

VOXEL_UM = 0.08


def correlation(limit_per_um):
    """Falls from 1 to 0 about a frequency; half a bit at 0.2 throughout."""
    frequency = np.linspace(0.1, 1 / (2 * VOXEL_UM), 40)
    return ShellCorrelation(
        frequency_per_um=frequency,
        correlation=1 / (1 + (frequency / limit_per_um) ** 8 * 4),
        n_voxels=np.full(40, 1000),
        half_bit=np.full(40, 0.2),
        voxel_um=VOXEL_UM,
    )


def report(n_energies=5, n_angles=31, **changes):
    rng = np.random.default_rng(0)
    angles = [np.linspace(0, 180, n_angles - index % 2, endpoint=False) for index in range(n_energies)]
    kept = [np.ones(len(a), bool) for a in angles]
    kept[1][4] = kept[3][7] = False
    shifts = [np.where(k[:, None], rng.normal(0, 1, (len(k), 2)), np.nan) for k in kept]
    values = {
        "energies_ev": np.linspace(7092, 7192, n_energies),
        "angles_deg": tuple(angles),
        "shift_px": tuple(shifts),
        "kept": tuple(kept),
        "sigma_px": tuple(np.full(len(k), 0.031) for k in kept),
        "centre_px": 31.5 + rng.uniform(-1, 1, n_energies),
        "magnification": np.ones(n_energies),
        "detector_shape": (40, 64),
        "slice_before": rng.normal(0.02, 0.01, (64, 64)).astype(np.float32),
        "slice_after": rng.normal(0.02, 0.01, (64, 64)).astype(np.float32),
        "slice_row": 17,
        "residual_before": rng.uniform(0, 0.02, (40, 64)).astype(np.float32),
        "residual_after": rng.uniform(0, 0.01, (40, 64)).astype(np.float32),
        "residual_energy_ev": 7192.0,
        "sharpness_before": np.full(n_energies, 5.0),
        "sharpness_after": np.full(n_energies, 6.0),
        "correlation_before": correlation(3.0),
        "correlation": correlation(4.0),
        "pixel_size_um": VOXEL_UM,
    }
    return AlignmentReport(**{**values, **changes})


def texts(figure):
    return [text.get_text() for text in figure.texts]


def test_numbers_are_those_of_the_report():
    shown = report()
    figure = alignment_figure(shown)
    before, after = (1000 * c.resolution_um for c in (shown.correlation_before, shown.correlation))
    # 4 (f / f0)^8 = 4 where the correlation is 1 / 5: the resolution is 1 / f0 by construction
    assert (round(before), round(after)) == (333, 250)
    for text in ("2 of 153", "± 0.031 px", "333 nm → 250 nm", "× 1.20"):
        assert text in texts(figure)


@pytest.mark.parametrize(
    ("limit_per_um", "text"), [(100.0, "333 nm → ≤ 160 nm"), (0.01, "333 nm → none"), (4.0, "333 nm → 250 nm")]
)
def test_a_resolution_that_is_not_known_is_not_claimed(limit_per_um, text):
    assert text in texts(alignment_figure(report(correlation=correlation(limit_per_um))))


def test_sharpness_out_of_nothing_is_no_gain():
    assert "–" in texts(alignment_figure(report(sharpness_before=np.zeros(5))))


def test_an_error_nobody_estimated_is_left_blank():
    unknown = report()
    blank = report(sigma_px=tuple(np.full_like(sigma, np.nan) for sigma in unknown.sigma_px))
    assert "–" in texts(alignment_figure(blank))
    assert not any("nan" in text for text in texts(alignment_figure(blank)))


def test_displacements_stand_at_their_energy_and_angle():
    shown = report()
    figure = alignment_figure(shown)
    for direction in range(2):
        axes = figure.axes[direction]
        image = axes.images[0]
        low, high, *_ = image.get_extent()
        for index in (0, 1, 4):
            angle = shown.angles_deg[index][12]
            column = round((angle - low) / (high - low) * (image.get_array().shape[1] - 1))
            assert image.get_array()[index, column] == shown.shift_px[index][12, direction]
        crosses = {(float(x), int(y)) for line in axes.lines for x, y in line.get_xydata()}
        assert crosses == {(shown.angles_deg[1][4], 1), (shown.angles_deg[3][7], 3)}


def test_a_missing_wedge_stays_blank():
    angles = np.concatenate([np.arange(0, 60, 3.0), np.arange(120, 180, 3.0)])
    wedge = report(
        angles_deg=(angles,) * 5,
        shift_px=(np.ones((40, 2)),) * 5,
        kept=(np.ones(40, bool),) * 5,
        sigma_px=(np.ones(40),) * 5,
    )
    image = alignment_figure(wedge).axes[0].images[0].get_array()
    blank = np.ma.getmaskarray(np.ma.masked_invalid(image))
    assert blank[:, 270:450].all()  # 68 to 112 of 177 degrees
    assert not blank[:, :230].any()


def test_before_and_after_share_their_scale():
    figure = alignment_figure(report())
    pictures = [axes.images[0] for axes in figure.axes if len(axes.images) == 1 and axes.get_xticks().size == 0]
    assert len(pictures) == 4
    assert pictures[0].norm is pictures[1].norm
    assert pictures[2].norm is pictures[3].norm


@pytest.mark.parametrize("shape", [(40, 64), (2048, 1024), (30, 400)])
@pytest.mark.parametrize(("n_energies", "n_angles"), [(4, 20), (60, 700)])
def test_nothing_lies_off_the_page_or_on_one_another(shape, n_energies, n_angles):
    figure = alignment_figure(report(n_energies, n_angles, detector_shape=shape, slice_row=1010, rms_step_px=0.0032))
    renderer = FigureCanvasAgg(figure).get_renderer()
    page = figure.bbox
    boxes = [axes.get_tightbbox(renderer) for axes in figure.axes]
    boxes += [text.get_window_extent(renderer) for text in figure.texts]
    for box in boxes:
        assert box.x0 >= page.x0
        assert box.x1 <= page.x1
        assert box.y0 >= page.y0
        assert box.y1 <= page.y1
    titles = [text.get_window_extent(renderer) for text in figure.texts]
    assert not any(one.overlaps(other) for i, one in enumerate(titles) for other in titles[:i])
