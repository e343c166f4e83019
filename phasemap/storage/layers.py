"""The images a result holds: their names, places in the store, axes, units and types."""

from dataclasses import dataclass, replace
from typing import Literal

FORMAT_VERSION = 1
"""Version of the store layout; a reader refuses a higher one."""

MIXED = "mixed"
"""Name of the last phase label: voxels in which no phase reaches the threshold."""

GREEN = (0, 121, 75)
GOLD = (247, 190, 22)
GREY = (158, 158, 158)

_FIELD_COLOURS = {"LiFePO4": GREEN, "FePO4": GOLD}
# Okabe and Ito's colour-blind safe set without its green and yellow, which LiFePO4 and FePO4 resemble
# (Wong, Nature Methods 8, 441 (2011), doi:10.1038/nmeth.1618).
_OTHER_COLOURS = ((0, 114, 178), (213, 94, 0), (204, 121, 167), (86, 180, 233), (0, 0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One image of a result."""

    name: str
    """Name in Python."""
    path: str
    """Group inside the store."""
    dtype: Literal["float32", "uint8", "int32"]
    units: str
    long_name: str
    leading: Literal["phase", "energy", "component"] | None = None
    """Axis before (z, y, x)."""
    downscale: Literal["mean", "nearest"] = "mean"
    """How the pyramid levels are made: mean of the finite voxels, or every second voxel."""

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes, slowest first."""
        return ("z", "y", "x") if self.leading is None else (self.leading, "z", "y", "x")

    @property
    def is_label(self) -> bool:
        """Whether the values are label numbers."""
        return self.path.startswith("labels/")


LAYERS = (
    Layer(
        name="fraction",
        path="fraction",
        dtype="float32",
        units="1",
        long_name="fraction of the absorbing atoms in each phase",
        leading="phase",
    ),
    Layer(
        name="fraction_sigma",
        path="fraction_sigma",
        dtype="float32",
        units="1",
        long_name="one standard deviation of the fraction (noise, and detail lost at fronts)",
        leading="phase",
    ),
    Layer(
        name="fraction_sigma_counting",
        path="fraction_sigma_counting",
        dtype="float32",
        units="1",
        long_name="one standard deviation of the fraction by counting statistics alone",
        leading="phase",
    ),
    Layer(
        name="amount",
        path="amount",
        dtype="float32",
        units="1/um",
        long_name="edge step of all phases",
    ),
    Layer(
        name="amount_sigma",
        path="amount_sigma",
        dtype="float32",
        units="1/um",
        long_name="one standard deviation of the edge step (statistical)",
    ),
    Layer(
        name="amount_around",
        path="amount_around",
        dtype="float32",
        units="1/um",
        long_name="edge step of all phases in the voxels around the sample, from which its surface is drawn",
    ),
    Layer(name="residual", path="residual", dtype="float32", units="1", long_name="R-factor of the fit"),
    Layer(
        name="mask",
        path="mask",
        dtype="uint8",
        units="1",
        long_name="1 inside the sample, 0 outside",
        downscale="nearest",
    ),
    Layer(
        name="chi_square",
        path="chi_square",
        dtype="float32",
        units="1",
        long_name="reduced chi-square of the fit",
    ),
    Layer(
        name="assessment",
        path="assessment",
        dtype="uint8",
        units="1",
        long_name="verdict on the fit: 1 ok, 2 no signal, 3 poor fit, 4 outside the references, 0 outside the sample",
        downscale="nearest",
    ),
    Layer(
        name="mu",
        path="mu",
        dtype="float32",
        units="1/um",
        long_name="linear attenuation coefficient",
        leading="energy",
    ),
    Layer(
        name="phase_labels",
        path="labels/phase",
        dtype="uint8",
        units="1",
        long_name="phase label: 0 outside, then the phases in order, last mixed",
        downscale="nearest",
    ),
    Layer(
        name="particle_labels",
        path="labels/particle",
        dtype="int32",
        units="1",
        long_name="particle number, 0 outside",
        downscale="nearest",
    ),
    Layer(
        name="pore_labels",
        path="labels/pore",
        dtype="int32",
        units="1",
        long_name="closed pores, with the number of the particle around them",
        downscale="nearest",
    ),
)

_EDGE_MAPS = (
    ("edge_step", "1/um", "edge step, post-edge minus pre-edge"),
    ("half_height", "eV", "energy at which the edge passes half its height"),
    ("steepest", "eV", "energy of the steepest rise of the edge"),
    ("white_line", "eV", "energy of the white line"),
    ("white_line_height", "1/um", "height of the white line above the pre-edge"),
    ("edge_integral", "eV", "edge energy by the area under the rise"),
)

EDGE_MAP_NAMES = tuple(f"{name}{suffix}" for name, _, _ in _EDGE_MAPS for suffix in ("", "_sigma"))
"""Features of the edge of a voxel, each followed by its standard deviation."""

ADDED_LAYERS = (
    *(
        Layer(
            name=f"{name}{suffix}",
            path=f"edge/{name}{suffix}",
            dtype="float32",
            units=units,
            long_name=f"one standard deviation of the {long_name}" if suffix else long_name,
        )
        for name, units, long_name in _EDGE_MAPS
        for suffix in ("", "_sigma")
    ),
    Layer(
        name="residual_component",
        path="residual_component",
        dtype="float32",
        units="1",
        long_name="strongest shape that the references leave, in standard deviations of its noise",
    ),
    Layer(
        name="components",
        path="components",
        dtype="float32",
        units="1",
        long_name="principal components of the spectra, in standard deviations of their noise",
        leading="component",
    ),
    Layer(
        name="factors",
        path="factors",
        dtype="float32",
        units="1/um",
        long_name="amounts of non-negative factors of the spectra",
        leading="component",
    ),
    Layer(
        name="cluster_labels",
        path="labels/cluster",
        dtype="uint8",
        units="1",
        long_name="cluster of the spectrum, 1 the largest, 0 outside",
        downscale="nearest",
    ),
    Layer(
        name="phase_labels_edited",
        path="labels/phase_edited",
        dtype="uint8",
        units="1",
        long_name="phase label, edited by hand",
        downscale="nearest",
    ),
    Layer(
        name="particle_labels_edited",
        path="labels/particle_edited",
        dtype="int32",
        units="1",
        long_name="particle number, edited by hand, 0 outside",
        downscale="nearest",
    ),
    Layer(
        name="denoised_fraction",
        path="denoised/fraction",
        dtype="float32",
        units="1",
        long_name="fraction of denoised amounts, for pictures: without error bars",
        leading="phase",
    ),
    Layer(
        name="denoised_amount",
        path="denoised/amount",
        dtype="float32",
        units="1/um",
        long_name="denoised edge step of all phases, for pictures: without error bars",
    ),
)
"""Images that commands add to a finished result."""

EDITED_LAYERS = {"phase_labels": "phase_labels_edited", "particle_labels": "particle_labels_edited"}
"""Labels that can be edited by hand, and where those edited are."""

PER_LENGTH = "1/um"
"""Unit of attenuation, and of its edge step, in a volume."""

OPTICAL_DEPTH_NAMES = {
    "amount": "edge step of the optical depth of all phases",
    "amount_sigma": "one standard deviation of the edge step of the optical depth (statistical)",
    "amount_around": "edge step of the optical depth of all phases in the pixels around the sample",
    "mu": "optical depth",
    "edge_step": "edge step of the optical depth, post-edge minus pre-edge",
    "edge_step_sigma": "one standard deviation of the edge step of the optical depth",
    "white_line_height": "height of the white line above the pre-edge, in optical depth",
    "white_line_height_sigma": "one standard deviation of the height of the white line, in optical depth",
    "factors": "amounts of non-negative factors of the spectra, in optical depth",
    "denoised_amount": "denoised edge step of the optical depth, for pictures: without error bars",
}
"""Layers that hold attenuation, by what they hold where it is integrated along the beam."""

MASKED_LAYERS = ("fraction", "fraction_sigma", "amount", "amount_sigma", "residual")
"""Float maps that are NaN outside the mask."""

MASKED_WHERE_KEPT = ("fraction_sigma_counting", "chi_square", "assessment")
"""Further maps that are NaN, or 0 where they hold numbers, outside the mask, in results that have them."""

OPTIONAL_LAYERS = (
    "fraction_sigma_counting",
    "amount_around",
    "mu",
    "particle_labels",
    "pore_labels",
    "chi_square",
    "assessment",
)
"""Layers a finished result may lack."""


def layer_named(name: str) -> Layer:
    """Layer of that name (``phase_labels``) or path (``labels/phase``).

    Raises
    ------
    KeyError
        No layer has that name.
    """
    layers = (*LAYERS, *ADDED_LAYERS)
    for layer in layers:
        if name in (layer.name, layer.path):
            return layer
    message = f"no layer {name!r} in a result; the layers are {', '.join(layer.name for layer in layers)}"
    raise KeyError(message)


def layer_in(layer: Layer, attenuation_unit: str) -> Layer:
    """Layer as a result holds it whose attenuation has that unit: `1/um`, or `1` for optical depth.

    Parameters
    ----------
    layer
        A layer in 1/um.
    attenuation_unit
        Unit of attenuation and of the amounts.
    """
    if attenuation_unit == PER_LENGTH or layer.name not in OPTICAL_DEPTH_NAMES:
        return layer
    return replace(layer, units=attenuation_unit, long_name=OPTICAL_DEPTH_NAMES[layer.name])


def label_names(phases: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the phase labels 1, 2, ...: the phases in order, then `MIXED`."""
    return (*phases, MIXED)


def label_colours(phases: tuple[str, ...]) -> tuple[tuple[int, int, int], ...]:
    """Red, green, blue (0 to 255) of the phase labels 1, 2, ...: LiFePO4 green, FePO4 gold, mixed grey."""
    others = iter(_OTHER_COLOURS * len(phases))
    return (*(_FIELD_COLOURS.get(phase) or next(others) for phase in phases), GREY)
