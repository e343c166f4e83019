"""The scan of a configuration, with everything that was stated in place of what its files record."""

from __future__ import annotations

from xanesmap.phasemap.config import RunConfig
from xanesmap.reconstruct.readers import open_scan
from xanesmap.reconstruct.scan import Scan, require_two_energies


def open_scan_input(config: RunConfig) -> Scan:
    """Open the scan of a job without reading a frame.

    Raises
    ------
    DataError
        Files that make no scan of two energies or more, or statements that do not fit them.
    """
    stated = config.reconstruct
    scan = open_scan(
        config.scan if len(config.scan) > 1 else config.scan[0],
        sort_energies=stated.sort_energies,
        energies_ev=stated.energies_ev,
        angles_deg=stated.angles_deg,
        pixel_size_nm=stated.pixel_size_nm,
        camera_binning=stated.camera_binning,
        times_s=stated.times_s,
    )
    require_two_energies(scan)
    return scan
