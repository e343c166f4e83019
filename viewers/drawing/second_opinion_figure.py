"""Edge positions beside fractions, and what the references leave: a page that can contradict the map."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xanesmap.errors import DataError, FitError
from xanesmap.phasemap.maps.second_opinion import SampledVoxels, leftover, model_of, sample_voxels, second_opinion
from xanesmap.phasemap.result import PhaseMap
from xanesmap.spectra.residual_components import ResidualComponent, residual_strength
from xanesmap.viewers.colours import formula_text
from xanesmap.viewers.drawing.map_panels import draw_map, percentile_norm, signed_norm
from xanesmap.viewers.drawing.panels import PAGE_WIDTH_MM, STYLE, axes_at, heading, letter, new_figure, text_at
from xanesmap.viewers.drawing.slices import slice_position

_BINS = 60
# Neighbouring voxels share noise, which lifts the largest eigenvalue of noise by some ten percent.
BEYOND_NOISE = 1.2


def second_opinion_figure(result: PhaseMap) -> Figure | None:
    """Edge position map and its scatter against the fraction; residual component, its map and the scree.

    Parameters
    ----------
    result
        A finished result.

    Returns
    -------
    Figure or None
        None where mu was not kept, the mask is empty, or the energies show no shape of an edge.
    """
    position = slice_position(result)
    if result.mu is None or position is None or "fit" not in result.attributes:
        return None
    try:
        inside = sample_voxels(result, slice_z=position.z)
        everywhere = sample_voxels(result)
        with mpl.rc_context(STYLE):
            return _draw(result, inside, everywhere)
    except (DataError, FitError):
        return None


def _draw(result: PhaseMap, inside: SampledVoxels, everywhere: SampledVoxels) -> Figure:
    here, there = second_opinion(result, inside), second_opinion(result, everywhere)
    component = leftover(result, everywhere)
    figure = new_figure(PAGE_WIDTH_MM, 154)
    heading(figure, "A second opinion: edge positions, and what the references leave")
    panels = [axes_at(figure, left, top, 62, 52) for top in (17, 88) for left in (8, 106)]
    shape = result.shape[1:]
    positions = _image(shape, inside, here.edges.half_height_ev)
    norm = percentile_norm(there.edges.half_height_ev)
    draw_map(figure, panels[0], positions, title="half-height of the edge (eV)", norm=norm, colours="viridis")
    _scatter(panels[1], result, there.fraction, there.edges.half_height_ev)
    text_at(figure, f"rank correlation {there.correlation:+.3f}", 111, 16, fontsize=7)
    own = residual_strength(component, inside.spectra, model_of(result))
    own = own / component.sigma
    left, title = _image(shape, inside, own), "residual component (σ of a voxel)"
    draw_map(figure, panels[2], left, title=title, norm=signed_norm(own, least=3.0), colours="RdBu_r")
    _component(panels[3], result, component)
    text_at(figure, _verdict(component), 111, 87, fontsize=7)
    for number, panel in enumerate(panels):
        letter(panel, number)
    text_at(figure, f"maps: slice at z = {inside.where[0, 0] * result.pixel_size_um:.2f} µm", 8, 151)
    return figure


def _verdict(component: ResidualComponent) -> str:
    ratio = component.eigenvalues[0] / component.noise_edge
    more = "more than noise" if ratio > BEYOND_NOISE else "no more than noise"
    return f"{ratio:.2f} times the noise edge: {more}"


def _image(shape: tuple[int, ...], voxels: SampledVoxels, values: NDArray[np.floating]) -> NDArray[np.float64]:
    image = np.full(shape, np.nan)
    image[voxels.where[1], voxels.where[2]] = values
    return image


def _scatter(axes: Axes, result: PhaseMap, fraction: NDArray[np.floating], edge_ev: NDArray[np.floating]) -> None:
    both = np.isfinite(fraction) & np.isfinite(edge_ev)
    low, high = np.nanpercentile(edge_ev[both], [0.5, 99.5])
    margin = 0.3 * (high - low) or 1.0
    extent = ((-0.4, 1.4), (float(low - margin), float(high + margin)))
    axes.hist2d(fraction[both], edge_ev[both], bins=_BINS, range=extent, norm=LogNorm(), cmap="Greys")
    axes.set(xlabel=f"fraction {formula_text(result.phases[0])}", ylabel="half-height (eV)")
    axes.ticklabel_format(axis="y", useOffset=False)


def _component(axes: Axes, result: PhaseMap, component: ResidualComponent) -> None:
    axes.axhline(0, color="#b0b0b0", lw=0.6)
    axes.plot(result.energies_ev, component.spectrum, "o-", color="black", ms=2, lw=0.8)
    axes.set(xlabel="photon energy (eV)", ylabel="shape of the component")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.75 * (high - low))
    scree = axes.inset_axes((0.62, 0.66, 0.35, 0.26))
    numbers = np.arange(1, component.eigenvalues.size + 1)
    scree.semilogy(numbers, component.eigenvalues, "o-", color="black", ms=2, lw=0.7)
    scree.axhline(component.noise_edge, color="#c0392b", lw=0.7, ls="--")
    scree.set_title("scree (dashed: noise)", fontsize=6, pad=2)
    scree.tick_params(labelsize=5)
    scree.minorticks_off()
