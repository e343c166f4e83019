"""What a scan holds and what looks wrong with it, told before anything is reconstructed.

One projection, the flats and the darks of each energy are read, nothing else.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import xraydb
from numpy.typing import NDArray

from xanesmap.reconstruct.correction import dead_pixels, lasting_saturation, saturated_pixels
from xanesmap.reconstruct.diagnosis import with_problems
from xanesmap.reconstruct.noise import estimate_noise
from xanesmap.reconstruct.plausible_counts import plausible_or_nan
from xanesmap.reconstruct.scan import CountArray, Scan, Tomogram
from xanesmap.reconstruct.scan_report import EnergyReport, Problem, ScanReport

__all__ = ["EnergyReport", "Problem", "ScanReport", "find_edge", "inspect_scan", "missing_wedge_deg"]

EDGE_WINDOW_EV = 50.0
"""The edge a scan is about is the one with the most energies this close to it."""

RAW_BYTES = 2
FLOAT32_BYTES = 4


def inspect_scan(
    scan: Scan, *, order_is_asked: bool = True, progress: Callable[[int, int], None] | None = None
) -> ScanReport:
    """Report on a scan from its metadata, one projection and the flats and darks of each energy.

    Parameters
    ----------
    scan
        The scan, as opened.
    order_is_asked
        Whether the user asked to sort energies that are out of order. Where not, these are a problem to solve first.
    progress
        Called with the number of energies looked at and the number of all.

    Returns
    -------
    Report with rows per energy, figures of the scan, problems and a verdict.

    Raises
    ------
    DataError
        A file cannot be read.
    """
    rows = []
    for done, tomogram in enumerate(scan.tomograms, start=1):
        rows.append(_inspect_tomogram(tomogram))
        if progress is not None:
            progress(done, len(scan.tomograms))
    edge, edge_ev = find_edge(scan.energies_ev) or (None, None)
    photons = [row.photons for row in rows if row.photons is not None]
    frames = sum(row.n_angles + row.n_flats + row.n_darks for row in rows)
    report = ScanReport(
        energies=tuple(rows),
        edge=edge,
        edge_ev=edge_ev,
        energy_step_ev=float(np.median(np.diff(scan.energies_ev))) if len(rows) > 1 else float("nan"),
        coverage_deg=min(row.last_angle_deg - row.first_angle_deg for row in rows),
        missing_wedge_deg=max(missing_wedge_deg(tomogram.angles_rad) for tomogram in scan.tomograms),
        n_angles_crowther=int(np.ceil(0.5 * np.pi * scan.n_columns)),
        photons=float(np.median(photons)) if photons else None,
        raw_bytes=frames * scan.n_rows * scan.n_columns * RAW_BYTES,
        volume_bytes=len(rows) * scan.n_rows * scan.n_columns**2 * FLOAT32_BYTES,
        problems=(),
    )
    return with_problems(report, notes=scan.notes, out_of_order=None if order_is_asked else scan.out_of_order)


def find_edge(energies_ev: NDArray[np.floating[Any]]) -> tuple[str, float] | None:
    """Absorption edge a scan is about.

    Parameters
    ----------
    energies_ev
        `(energy,)` increasing photon energies in eV.

    Returns
    -------
    Name (`Fe K`) and tabulated energy in eV (xraydb, tables of Elam, Ravel, Sieber 2002,
    doi:10.1016/S0969-806X(01)00227-4) of the K edge inside the range with the most energies within 50 eV, or
    of the L3 edge where there is no K edge; None without either.
    """
    for level in ("K", "L3"):
        inside = [(name, ev) for name, ev in _edges(level) if energies_ev[0] < ev < energies_ev[-1]]
        if inside:
            return max(inside, key=lambda edge: np.count_nonzero(np.abs(energies_ev - edge[1]) < EDGE_WINDOW_EV))
    return None


def missing_wedge_deg(angles_rad: NDArray[np.float64]) -> float:
    """Width of the largest range of projection directions that is missing.

    Parameters
    ----------
    angles_rad
        `(angle,)` rotation angles in radians; t and t + pi see the sample along the same line.

    Returns
    -------
    Largest gap between directions modulo 180 degrees, less the usual step, in degrees; 0 where no gap is
    wider than one and a half steps, 180 for a single direction.
    """
    degrees = np.rad2deg(angles_rad)
    if degrees.size < 2:
        return 180.0
    directions = np.sort(degrees % 180.0)
    widest = float(np.diff(directions, append=directions[0] + 180.0).max())
    step = float(np.median(np.abs(np.diff(degrees))))
    return widest - step if widest > 1.5 * step else 0.0


@cache
def _edges(level: str) -> tuple[tuple[str, float], ...]:
    symbols = [xraydb.atomic_symbol(number) for number in range(3, 93)]
    found = ((symbol, xraydb.xray_edge(symbol, level)) for symbol in symbols)
    return tuple((f"{symbol} {level}", float(edge.energy)) for symbol, edge in found if edge is not None)


def _inspect_tomogram(tomogram: Tomogram) -> EnergyReport:
    flats, darks = (plausible_or_nan(frames) for frames in tomogram.read_references())
    projection = plausible_or_nan(tomogram.read_projection(0))
    dark = darks.mean(axis=0, dtype=np.float32)
    light = flats.mean(axis=0, dtype=np.float32) - dark
    saturated = lasting_saturation(flats) | saturated_pixels(projection)
    degrees = np.rad2deg(tomogram.angles_rad)
    photons = _photons(flats, darks, float(np.median(light)))
    size_um = None if tomogram.pixel_size_nm is None else tomogram.pixel_size_nm / 1000.0
    return EnergyReport(
        file=tomogram.source.name,
        energy_ev=tomogram.energy_ev,
        n_angles=degrees.size,
        n_flats=tomogram.n_flats,
        n_darks=tomogram.n_darks,
        first_angle_deg=float(degrees.min()),
        last_angle_deg=float(degrees.max()),
        n_rows=tomogram.n_rows,
        n_columns=tomogram.n_columns,
        pixel_size_nm=tomogram.pixel_size_nm,
        binning=tomogram.binning,
        time_s=tomogram.time_s,
        flat_counts=float(np.median(light)),
        projection_counts=float(np.median(projection - dark)),
        saturated=float(np.mean(saturated)),
        dead=float(np.mean(dead_pixels(light))),
        photons=photons,
        photons_per_um2=None if photons is None or size_um is None else photons / size_um**2,
        notes=tomogram.notes,
    )


def _photons(flats: CountArray, darks: CountArray, counts: float) -> float | None:
    noise = estimate_noise(flats, darks)
    return counts / noise.gain if noise is not None else None
