"""Maps that commands add to a finished result: `xanesmap second-opinion`, `unmix` and `denoise`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from xanesmap.phasemap.storage.layers import EDGE_MAP_NAMES
from xanesmap.phasemap.storage.lazy_layers import optional_array


class AddedMaps:
    """Part of a phase map: what commands have added to it, read when it is asked for."""

    __slots__ = ()

    path: Path
    attributes: Mapping[str, Any]

    @property
    def edge_maps(self) -> xr.Dataset | None:
        """Edge positions, white line and their errors, (z, y, x) each; None before ``xanesmap second-opinion``."""
        maps = {name: self._added(name) for name in EDGE_MAP_NAMES}
        found = {name: array for name, array in maps.items() if array is not None}
        return xr.Dataset(found) if found else None

    @property
    def residual_component(self) -> xr.DataArray | None:
        """(z, y, x) what the references leave, over its noise; None before ``xanesmap second-opinion``."""
        return self._added("residual_component")

    @property
    def components(self) -> xr.DataArray | None:
        """(component, z, y, x) principal components, over their noise; None before ``xanesmap unmix``."""
        return self._added("components")

    @property
    def factors(self) -> xr.DataArray | None:
        """(component, z, y, x) amounts of non-negative factors; None before ``xanesmap unmix --method nmf``."""
        return self._added("factors")

    @property
    def cluster_labels(self) -> xr.DataArray | None:
        """(z, y, x) cluster of every spectrum, 1 the largest; None before ``xanesmap unmix --method k-means``."""
        return self._added("cluster_labels")

    @property
    def denoised_fraction(self) -> xr.DataArray | None:
        """(phase, z, y, x) for pictures, without error bars; None before ``xanesmap denoise``."""
        return self._added("denoised_fraction")

    @property
    def denoised_amount(self) -> xr.DataArray | None:
        """(z, y, x) for pictures, without error bars; None before ``xanesmap denoise``."""
        return self._added("denoised_amount")

    def _added(self, name: str) -> xr.DataArray | None:
        return optional_array(self.path, name, self.attributes)
