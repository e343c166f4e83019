"""Everything a segmentation can be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from xanesmap.errors import DataError
from xanesmap.phasemap.morphology.front_errors import DRAWS
from xanesmap.phasemap.segmentation.methods import COUPLING, LabelMethod
from xanesmap.phasemap.segmentation.particles import LEAST_VOXELS, NECK

PointUm = tuple[float, float, float]
"""z, y, x in um."""


class SegmentConfig(BaseModel):
    """Phases, particles, core and shell of a result."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    method: LabelMethod = "threshold"
    """How voxels get their phase: `threshold` on denoised fractions, Gaussian `mixture`, or Markov `random-field`."""
    pure_threshold: Annotated[float, Field(gt=0.5, lt=1)] | None = None
    """A voxel belongs to a phase from this fraction on; that of the run when not given."""
    mask_threshold_per_um: Annotated[float, Field(gt=0)] | None = None
    """Voxels with a smaller denoised edge step are left out of the sample, 1/um; the mask of the run when not given."""
    smoothing_px: Annotated[float, Field(ge=0.5, le=5)] = 1.0
    """Standard deviation of the denoising, voxels."""
    coupling: Annotated[float, Field(ge=0, le=10)] = COUPLING
    """Log odds that a neighbour of the same label adds in the random field."""
    labels: Literal["found", "edited"] = "found"
    """Whether phases and particles are those found, or, as far as there are such, those `edited` by hand in napari."""
    neck: Annotated[float, Field(ge=0, le=1)] = NECK
    """Touching particles are split where their neck is narrower than this share of the smaller one."""
    least_voxels: Annotated[int, Field(ge=1)] = LEAST_VOXELS
    """Smaller parts are fragments and get no number."""
    core_phase: str | None = None
    """Phase of the core; the first of the result when not given."""
    resolution_nm: Annotated[float, Field(gt=0, le=1e5)] | None = None
    """Resolution of the microscope, full width at half maximum, nm; from the particles' surfaces when not given."""
    null_draws: Annotated[int, Field(ge=0, le=1000)] = 20
    """Evenly shrunk cores drawn for every particle; 0 leaves the comparison out."""
    error_draws: Annotated[int, Field(ge=0, le=1000)] = DRAWS
    """Draws of the noise for the errors of shell and front; 0 leaves them out. Seed: the particle's number."""
    axes: dict[str, PointUm] = Field(
        default_factory=lambda: {"z": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "x": (0.0, 0.0, 1.0)}
    )
    """Named directions (z, y, x), such as those of the crystal, along which the shell's thickness is told."""
    lines: dict[str, tuple[PointUm, PointUm]] = Field(default_factory=dict)
    """Named lines from point to point, um."""
    line_radius_um: Annotated[float, Field(ge=0)] = 0.0
    """Radius over which profiles of lines are averaged, um."""
    boxes: dict[str, tuple[PointUm, PointUm]] = Field(default_factory=dict)
    """Named boxes from corner to opposite corner, um."""
    largest_box_px: Annotated[int, Field(ge=1, le=256)] = 24
    """Largest box of the sampling statistics, voxels."""
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Threads; all cores when not given."""

    @model_validator(mode="after")
    def _directions_have_a_length(self) -> Self:
        for name, direction in self.axes.items():
            if not np.any(direction):
                message = f"axis {name!r} is 0, 0, 0; give a direction (z, y, x)"
                raise ValueError(message)
        for name, (start, end) in self.lines.items():
            if start == end:
                message = f"line {name!r} begins where it ends; give two points (z, y, x) in um"
                raise ValueError(message)
        return self


def make_segment_config(values: Mapping[str, Any]) -> SegmentConfig:
    """Check the settings of a segmentation.

    Raises
    ------
    DataError
        An unknown setting, or a value of the wrong type or outside its bounds; names it.
    """
    try:
        return SegmentConfig.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            message = f"segmentation setting {name!r} is not known; there are {', '.join(SegmentConfig.model_fields)}."
        else:
            reason = first["msg"].removeprefix("Value error, ")
            message = f"segmentation setting {name}: {reason}; found {first['input']!r}." if name else f"{reason}."
        raise DataError(message) from error
