"""XANES spectro-tomography phase mapping: from raw beamline frames to a 3D phase map with error bars.

The names below are loaded when they are first used, so that `import xanesmap` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xanesmap.errors import DataError as DataError
    from xanesmap.errors import FitError as FitError
    from xanesmap.phasemap.conversion import convert_scan as convert_scan
    from xanesmap.phasemap.maps.denoised_maps import denoise_result as denoise_result
    from xanesmap.phasemap.maps.second_opinion_maps import map_second_opinion as map_second_opinion
    from xanesmap.phasemap.maps.unmixing_maps import unmix_phases as unmix_phases
    from xanesmap.phasemap.morphology.job import segment_phases as segment_phases
    from xanesmap.phasemap.pipeline import map_phases as map_phases
    from xanesmap.phasemap.refit import refit_phases as refit_phases
    from xanesmap.phasemap.result import PhaseMap as PhaseMap
    from xanesmap.phasemap.result import open_result as open_result
    from xanesmap.phasemap.segmentation.edited_labels import store_edited_labels as store_edited_labels
    from xanesmap.phasemap.simulation import simulate_scan as simulate_scan
    from xanesmap.reconstruct.inspection import inspect_scan as inspect_scan
    from xanesmap.reconstruct.readers import open_scan as open_scan
    from xanesmap.reconstruct.volumes.opening import open_volumes as open_volumes
    from xanesmap.viewers.figures import save_figures as save_figures

__version__ = "0.1.0"

_PLACES = {
    "DataError": "xanesmap.errors",
    "FitError": "xanesmap.errors",
    "PhaseMap": "xanesmap.phasemap.result",
    "convert_scan": "xanesmap.phasemap.conversion",
    "denoise_result": "xanesmap.phasemap.maps.denoised_maps",
    "inspect_scan": "xanesmap.reconstruct.inspection",
    "map_phases": "xanesmap.phasemap.pipeline",
    "map_second_opinion": "xanesmap.phasemap.maps.second_opinion_maps",
    "open_result": "xanesmap.phasemap.result",
    "open_scan": "xanesmap.reconstruct.readers",
    "open_volumes": "xanesmap.reconstruct.volumes.opening",
    "refit_phases": "xanesmap.phasemap.refit",
    "save_figures": "xanesmap.viewers.figures",
    "segment_phases": "xanesmap.phasemap.morphology.job",
    "simulate_scan": "xanesmap.phasemap.simulation",
    "store_edited_labels": "xanesmap.phasemap.segmentation.edited_labels",
    "unmix_phases": "xanesmap.phasemap.maps.unmixing_maps",
}

__all__ = ["__version__", *_PLACES]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        message = f"module 'xanesmap' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
