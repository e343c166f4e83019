"""What the sliders of the threshold explorer say, as settings of a segmentation and as a command line."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xanesmap.phasemap.result import PhaseMap
from xanesmap.phasemap.segmentation.config import SegmentConfig, make_segment_config
from xanesmap.phasemap.segmentation.phase_labelling import label_threshold

LEAST_PURE, MOST_PURE = 0.51, 0.99

_OPTIONS = {
    "method": "--method",
    "pure_threshold": "--threshold",
    "mask_threshold_per_um": "--mask-threshold",
    "least_voxels": "--least-voxels",
    "smoothing_px": "--smoothing-px",
    "core_phase": "--core",
    "resolution_nm": "--resolution-nm",
    "neck": "--neck",
    "null_draws": "--null-draws",
    "error_draws": "--error-draws",
    "coupling": "--coupling",
    "largest_box_px": "--largest-box-px",
    "line_radius_um": "--line-radius-um",
}
_NAMED_POINTS = {"axes": "--axis", "lines": "--line", "boxes": "--box"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Settings that are explored."""

    pure: float
    """A voxel belongs to a phase from this fraction on."""
    mask: float | None
    """Least edge step of the sample, in the unit of the amounts; None for the mask of the run."""
    least_voxels: int
    """Smaller parts are fragments."""


def first_thresholds(result: PhaseMap) -> Thresholds:
    """Settings to begin with: those of the result's last segmentation, or of its run."""
    told = told_settings(result)
    config = make_segment_config(told)
    return Thresholds(
        pure=min(max(label_threshold(result), LEAST_PURE), MOST_PURE),
        mask=config.mask_threshold_per_um,
        least_voxels=config.least_voxels,
    )


def told_settings(result: PhaseMap) -> dict[str, Any]:
    """Settings of the last segmentation that its own defaults do not give; empty where there was none.

    Without `labels`: thresholds are explored for labels that are found.
    """
    told: Mapping[str, Any] = result.attributes.get("segmentation", {}).get("configuration", {})
    known = {name: value for name, value in told.items() if name in SegmentConfig.model_fields}
    defaults = SegmentConfig().model_dump(mode="json")
    return {name: value for name, value in known.items() if value != defaults[name] and name != "labels"}


def segment_settings(thresholds: Thresholds, result: PhaseMap) -> dict[str, Any]:
    """Settings for `segment_phases`: what is explored, the rest as in the last segmentation."""
    explored: dict[str, Any] = {
        "pure_threshold": thresholds.pure,
        "mask_threshold_per_um": thresholds.mask,
        "least_voxels": thresholds.least_voxels,
    }
    return {name: value for name, value in {**told_settings(result), **explored}.items() if value is not None}


def command_line(settings: Mapping[str, Any], path: Path) -> str:
    """Words of `xanesmap segment` for settings of `segment_settings`, those that have an option."""
    words = ["xanesmap", "segment", str(path)]
    for name, option in _OPTIONS.items():
        if name in settings:
            value = settings[name]
            words += [option, f"{value:g}" if isinstance(value, int | float) else str(value)]
    for name, option in _NAMED_POINTS.items():
        for title, points in settings.get(name, {}).items():
            words += [option, f"{title}={_points_text(points)}"]
    return shlex.join(words)


def _points_text(points: Sequence[Any]) -> str:
    """z,y,x of one point, or of several with colons between."""
    several = points if isinstance(points[0], Sequence) else [points]
    return ":".join(",".join(f"{value:g}" for value in point) for point in several)
