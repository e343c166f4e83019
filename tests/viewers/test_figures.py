import matplotlib as mpl
import numpy as np
import pytest
import zarr
from matplotlib.figure import Figure
from matplotlib.text import Text
from skimage.color import rgb2lab

from xanesmap.errors import DataError
from xanesmap.phasemap.result import open_result
from xanesmap.phasemap.storage.result_store import ResultWriter
from xanesmap.viewers.colours import composite, formula_text, fraction_map, phase_colours
from xanesmap.viewers.drawing.histograms import histogram, share_within
from xanesmap.viewers.drawing.label_spectra import fit_spectrum, label_spectra
from xanesmap.viewers.drawing.panels import length_text, round_length
from xanesmap.viewers.drawing.slices import cut, slice_position
from xanesmap.viewers.figures import (
    histogram_figure,
    labels_figure,
    save_figures,
    sigma_figure,
    slices_figure,
    spectra_figure,
)

ENERGIES = np.concatenate([np.linspace(7090, 7112, 5), np.linspace(7114, 7140, 14), np.linspace(7145, 7192, 5)])
PHASES = ("LiFePO4", "FePO4", "Fe2P", "LiNi0.8Mn0.1Co0.1O2", "Fe2O3")
NOISE = 0.02
MAKERS = (slices_figure, labels_figure, histogram_figure, sigma_figure, spectra_figure)


def edge(energies, *, edge_ev, white_line):
    step = np.arctan((energies - edge_ev) / 1.5) / np.pi + 0.5
    return step + white_line * np.exp(-(((energies - edge_ev - 4) / 3) ** 2))


def design_matrix(n_phases):
    curves = [edge(ENERGIES, edge_ev=7121 + 3 * k, white_line=0.5 + 0.3 * k) for k in range(n_phases)]
    return np.stack([*curves, np.ones_like(ENERGIES)], axis=1)  # (energy, column)


def core_shell(shape, n_phases):
    """Fractions (phase, z, y, x) and mask of a sphere: core of the first phase, shells of the others."""
    grid = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in grid))
    outer = 0.9
    borders = outer * np.linspace(0, 1, n_phases + 1)[1:-1] ** (1 / 3)
    weights = [1 / (1 + np.exp((radius - border) / 0.03)) for border in borders]
    inside = [np.ones(shape), *weights[::-1]]  # outermost first: share inside each border
    fractions = [inside[k] - (inside[k + 1] if k + 1 < n_phases else 0) for k in range(n_phases)]
    return np.stack(fractions[::-1]), radius < outer


def write_core_shell(
    path, *, shape=(24, 28, 30), n_phases=2, keep_mu=True, empty=False, with_fit=True, attributes=None
):
    rng = np.random.default_rng(0)
    phases = PHASES[:n_phases]
    truth, mask = core_shell(shape, n_phases)
    mask &= not empty
    amount = np.where(mask, 0.12, 0) + rng.normal(0, 0.002, shape)
    fraction = truth + rng.normal(0, NOISE, truth.shape)
    fraction /= fraction.sum(axis=0)
    labels = np.where(mask, np.where(fraction.max(axis=0) >= 0.7, fraction.argmax(axis=0), n_phases) + 1, 0)
    design = design_matrix(n_phases)
    mu = np.einsum("ep,pzyx,zyx->ezyx", design[:, :-1], truth, np.where(mask, 0.12, 0)) + 0.03 * mask
    mu += rng.normal(0, 0.004, mu.shape)
    attributes = dict(attributes or {})
    if with_fit:
        weights = attributes.pop("weights", np.ones_like(ENERGIES))
        attributes["fit"] = {"columns": [*phases, "constant"], "design": design, "weights": weights}
    with ResultWriter(
        path,
        shape=shape,
        phases=phases,
        energies_ev=ENERGIES,
        pixel_size_um=0.0203,
        slab_rows=8,
        keep_mu=keep_mu,
        attributes=attributes,
    ) as writer:
        maps = {
            "fraction": fraction,
            "fraction_sigma": rng.gamma(20, NOISE / 20, truth.shape),
            "amount": amount,
            "amount_sigma": np.full(shape, 0.002),
            "residual": np.full(shape, 1e-3),
            "mask": mask,
            "phase_labels": labels,
            **({"mu": mu} if keep_mu else {}),
        }
        writer.write_slab(0, shape[0], **maps)
        writer.apply_mask(0, shape[0])
        writer.finish()
    return open_result(path)


def texts(figure):
    """All texts drawn in a figure."""
    figure.canvas.draw()
    axes = [axis for each in figure.axes for axis in (each.xaxis, each.yaxis)]
    unseen = set()
    for axis in axes:
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low <= tick.get_loc() <= high:
                unseen |= {tick.label1, tick.label2}
    found = figure.findobj(Text)
    return [each for each in found if each.get_visible() and each.get_text().strip() and each not in unseen]


def said(figure):
    return "\n".join(artist.get_text() for artist in texts(figure))


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return write_core_shell(tmp_path_factory.mktemp("two") / "r.zarr")


CASES = {
    "one phase": {"n_phases": 1, "shape": (16, 16, 16)},
    "two phases": {"shape": (24, 28, 31)},
    "three phases": {"n_phases": 3, "shape": (17, 25, 22)},
    "five phases": {"n_phases": 5, "shape": (20, 22, 25)},
    "flat": {"shape": (3, 40, 27)},
    "tall": {"shape": (60, 11, 9)},
    "empty": {"empty": True},
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def any_result(request, tmp_path_factory):
    return write_core_shell(tmp_path_factory.mktemp("any") / "r.zarr", **request.param)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_text_is_readable_on_a_page_overlaps_nothing_and_stays_inside(any_result, make):
    figure = make(any_result)
    assert isinstance(figure, Figure)
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(180)
    artists = texts(figure)
    assert min(artist.get_fontsize() for artist in artists) >= 7
    width, height = figure.bbox.width, figure.bbox.height
    boxes = [artist.get_window_extent() for artist in artists]
    for artist, box in zip(artists, boxes, strict=True):
        assert 0 <= box.x0 < box.x1 <= width, artist.get_text()
        assert 0 <= box.y0 < box.y1 <= height, artist.get_text()
    for one, first in enumerate(boxes):
        for other, second in enumerate(boxes[:one]):
            shared_x = min(first.x1, second.x1) - max(first.x0, second.x0)
            shared_y = min(first.y1, second.y1) - max(first.y0, second.y0)
            overlap = shared_x > 1 and shared_y > 1
            assert not overlap, (artists[one].get_text(), artists[other].get_text())


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_an_empty_mask_is_said_in_words(tmp_path, make):
    figure = make(write_core_shell(tmp_path / "r.zarr", empty=True))
    assert "nothing to show" in said(figure) or "no spectrum to show" in said(figure)


def test_slices_name_their_units_and_share_one_scale_bar(result):
    words = said(slices_figure(result))
    assert "edge step, 1/µm" in words
    assert "fraction LiFePO$_{4}$" in words
    assert words.count("(all panels)") == 1
    assert "z = " in words


def test_the_scale_bar_has_the_length_it_says(result):
    figure = slices_figure(result)
    bar = next(artist for artist in figure.artists if artist.get_linewidth() == 2.5)
    drawn = np.ptp(bar.get_xdata()) * figure.get_size_inches()[0]
    axes = figure.axes[0]
    um_per_inch = result.shape[2] * result.pixel_size_um / (axes.get_position().width * figure.get_size_inches()[0])
    assert drawn * um_per_inch == pytest.approx(0.2, rel=1e-6)
    assert "200 nm (all panels)" in said(figure)


def test_all_slices_are_drawn_at_one_scale(any_result):
    figure = slices_figure(any_result)
    width, height = figure.get_size_inches()
    images = [axes for axes in figure.axes if axes.images]
    scales = []
    for axes in images:
        rows, columns = axes.images[0].get_array().shape[:2]
        place = axes.get_position()
        scales += [place.width * width / columns, place.height * height / rows]
    assert np.ptp(scales) <= 1e-9 if scales else "nothing to show" in said(figure)


def test_the_slices_shown_are_those_of_the_result(result):
    position = slice_position(result)
    shown = slices_figure(result).axes[0].images[0].get_array()
    np.testing.assert_array_equal(np.ma.filled(shown, np.nan), result.fraction.values[0, position.z])


@pytest.mark.parametrize("shape", [(25, 31, 27), (24, 30, 26)])
def test_a_single_particle_is_cut_through_its_middle(tmp_path, shape):
    position = slice_position(write_core_shell(tmp_path / "r.zarr", shape=shape, keep_mu=False))
    for index, n in zip((position.z, position.y, position.x), shape, strict=True):
        assert abs(index - (n - 1) / 2) <= 0.5


def test_the_gap_between_two_particles_is_not_shown(tmp_path):
    result = write_core_shell(tmp_path / "r.zarr", shape=(8, 9, 41), keep_mu=False)
    mask = np.zeros(result.shape, dtype=np.uint8)
    mask[2:6, 2:7, 2:12] = mask[2:6, 2:7, 29:39] = 1
    zarr.open_array(result.path / "mask/s0", mode="r+")[:] = mask
    position = slice_position(result)
    assert mask[:, :, position.x].any()
    assert [plane.shape for plane in cut(result, "mask", position)] == [(9, 41), (8, 41), (8, 9)]


# Colours


@pytest.mark.parametrize(("phases", "phase"), [(PHASES[:2], 0), (PHASES[1::-1], 0), (PHASES[:3], 0), (PHASES[:3], 2)])
def test_lightness_falls_or_rises_evenly_along_the_fraction(phases, phase):
    colours = fraction_map(phases, phase)(np.linspace(0, 1, 256))[:, :3]
    lightness = rgb2lab(colours)[:, 0]
    steps = np.diff(lightness)
    assert (steps < 0).all() or (steps > 0).all()
    assert abs(lightness[-1] - lightness[0]) > 15


def test_green_and_gold_stay_apart_without_red_and_green_cones():
    # Linear-light matrices of complete protanopia and deuteranopia: Machado, Oliveira and Fernandes, IEEE
    # Trans. Vis. Comput. Graph. 15, 1291 (2009), doi:10.1109/TVCG.2009.113.
    protan = [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
    deutan = [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
    colours = phase_colours(PHASES[:2])
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    for matrix in (protan, deutan):
        seen = np.clip(linear @ np.array(matrix).T, 0, 1)
        encoded = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
        lab = rgb2lab(encoded)
        pairs = [(0, 1), (0, 2), (1, 2)]
        # 10 is a difference seen at a glance; 2.3 is just noticeable.
        assert min(np.linalg.norm(lab[a] - lab[b]) for a, b in pairs) > 20


def test_pure_phases_have_the_colours_of_the_field_and_the_outside_is_white():
    colour_map = fraction_map(PHASES[:2], 0)
    green, gold, _ = phase_colours(PHASES[:2])
    np.testing.assert_allclose(colour_map(1.0)[:3], green, atol=0.01)
    np.testing.assert_allclose(colour_map(0.0)[:3], gold, atol=0.01)
    assert colour_map(np.nan)[:3] == (1, 1, 1)


def test_the_composite_mixes_by_fraction_and_pales_with_the_amount():
    fractions = np.array([[[1.0, 0.0, 1.2, np.nan]], [[0.0, 1.0, -0.2, np.nan]]])
    image = composite(fractions, np.array([[1.0, 1.0, 0.0, 1.0]]), PHASES[:2])
    np.testing.assert_allclose(image[0, :2], phase_colours(PHASES[:2])[:2], atol=0.01)
    np.testing.assert_allclose(image[0, 2:], 1)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LiFePO4", "LiFePO$_{4}$"),
        ("Fe2P", "Fe$_{2}$P"),
        ("phase1", "phase1"),
        ("Li0.5NiO2", "Li$_{0.5}$NiO$_{2}$"),
    ],
)
def test_formulae_get_subscripts_and_other_names_do_not(name, text):
    assert formula_text(name) == text


@pytest.mark.parametrize(
    ("length", "rounded", "text"),
    [(1.0, 1, "1 µm"), (1.99, 1, "1 µm"), (7.3, 5, "5 µm"), (0.23, 0.2, "200 nm"), (0.5, 0.5, "0.5 µm")],
)
def test_scale_bars_have_round_lengths(length, rounded, text):
    assert round_length(length) == pytest.approx(rounded)
    assert length_text(round_length(length)) == text


# Numbers behind the figures


def test_a_histogram_counts_every_voxel_of_the_mask_once(result):
    values = result.fraction.values[0][result.mask.values > 0]
    edges = np.linspace(0, 1, 11)
    counted = histogram(result, "fraction", edges=edges, phase=0)
    assert counted.total == values.size
    np.testing.assert_array_equal(counted.counts, np.histogram(values, edges)[0])
    assert counted.beyond == ((values < 0) | (values > 1)).sum()


def test_the_median_of_a_histogram_is_that_of_the_values_within_a_bin(result):
    values = result.fraction_sigma.values[0][result.mask.values > 0]
    counted = histogram(result, "fraction_sigma", edges=np.linspace(0, 0.1, 101), phase=0)
    assert counted.median == pytest.approx(np.median(values), abs=0.001)


def test_shares_are_those_of_the_voxels_and_add_up(result):
    values = result.fraction.values[0][result.mask.values > 0]
    shares = share_within(result, phase=0, limits=(0.3, 0.7))
    assert sum(shares) == pytest.approx(1)
    assert shares[0] == pytest.approx((values < 0.3).mean(), abs=1e-3)


def test_the_threshold_of_the_run_is_the_one_marked(tmp_path):
    result = write_core_shell(tmp_path / "r.zarr", keep_mu=False, attributes={"label_threshold": 0.8})
    lines = [line.get_xdata()[0] for line in histogram_figure(result).axes[0].lines]
    assert lines == pytest.approx([0.2, 0.8])


def test_the_mean_spectrum_is_that_of_the_voxels(result):
    labels, mu = result.phase_labels.values, result.mu.values
    for spectrum in label_spectra(result):
        inside = labels == result.label_names.index(spectrum.name) + 1
        assert spectrum.n_voxels == inside.sum()
        np.testing.assert_allclose(spectrum.mean, mu[:, inside].mean(axis=1), rtol=1e-5)
        np.testing.assert_allclose(spectrum.spread, mu[:, inside].std(axis=1), rtol=1e-3)


@pytest.mark.parametrize("n_phases", [1, 2, 3])
def test_the_fit_of_the_mean_spectrum_finds_the_mean_fractions(tmp_path, n_phases):
    result = write_core_shell(tmp_path / "r.zarr", n_phases=n_phases)
    truth, _ = core_shell(result.shape, n_phases)
    labels = result.phase_labels.values
    covariance = np.linalg.inv(design_matrix(n_phases).T @ design_matrix(n_phases))
    for spectrum in label_spectra(result):
        fit = fit_spectrum(result, spectrum.mean)
        inside = labels == result.label_names.index(spectrum.name) + 1
        # Noise of 0.004 per datum, averaged over the voxels, propagated to an amount of 0.12; five sigma.
        error = 5 * 0.004 * np.sqrt(covariance.diagonal()[:n_phases].max() / inside.sum()) / 0.12
        np.testing.assert_allclose(fit.fractions, truth[:, inside].mean(axis=1), atol=2 * error)
        assert fit.amount == pytest.approx(0.12, abs=0.12 * 2 * error)
        np.testing.assert_allclose(fit.curve, spectrum.mean, atol=5 * 0.004 / np.sqrt(inside.sum()))


def test_weights_of_the_run_are_those_of_the_fit(tmp_path):
    weights = np.where(ENERGIES < 7130, 1.0, 0.0)
    result = write_core_shell(tmp_path / "r.zarr", attributes={"weights": weights})
    spectrum = design_matrix(2) @ [0.05, 0.07, 0.03] + np.where(ENERGIES < 7130, 0, 1)
    assert fit_spectrum(result, spectrum).fractions == pytest.approx([5 / 12, 7 / 12])


def test_a_result_without_the_curves_of_its_fit_shows_its_spectra_and_says_so(tmp_path):
    figure = spectra_figure(write_core_shell(tmp_path / "r.zarr", with_fit=False))
    assert "no fit: its curves were not stored" in said(figure)


def test_without_mu_there_is_no_figure_of_spectra(tmp_path):
    result = write_core_shell(tmp_path / "r.zarr", keep_mu=False)
    assert spectra_figure(result) is None
    names = [path.name for path in save_figures(result, tmp_path / "figures")]
    assert names == ["slices.png", "labels.png", "histogram.png", "sigma.png"]


def test_figures_are_saved_at_the_resolution_asked(result, tmp_path):
    paths = save_figures(result, tmp_path / "a" / "b", dpi=100)
    assert [path.stem for path in paths] == ["slices", "labels", "histogram", "sigma", "spectra", "second_opinion"]
    for path in paths:
        header = path.read_bytes()[:24]
        assert header[1:4] == b"PNG"
        assert int.from_bytes(header[16:20], "big") == int(180 / 25.4 * 100)


def test_figures_need_a_folder_not_a_file(result, tmp_path):
    (tmp_path / "notes").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match=r"cannot write figures to '.*notes' \(File exists\); choose another"):
        save_figures(result, tmp_path / "notes")


def test_drawing_leaves_the_settings_of_the_caller_alone(result):
    before = dict(mpl.rcParams)
    histogram_figure(result)
    assert dict(mpl.rcParams) == before
