"""A simulated scan with everything wrong at once, and what an alignment of it is worth."""

import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from xanesmap.phasemap.simulation import SimulatedScan, simulate_scan
from xanesmap.phasemap.truth import Truth
from xanesmap.reconstruct.alignment.coarse import air_level
from xanesmap.reconstruct.alignment.displacement import without_gauge
from xanesmap.reconstruct.alignment.resampling import undo_displacement
from xanesmap.reconstruct.correction import attenuate
from xanesmap.reconstruct.fourier import FourierEngine
from xanesmap.reconstruct.noise import estimate_noise
from xanesmap.reconstruct.readers import open_scan
from xanesmap.reconstruct.simulator.disturbances import fixed_pattern
from xanesmap.reconstruct.simulator.optics import spline_coefficients
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.reference import bundled_reference, sample_references
from xanesmap.spectra.tied_background import tie_background

KINDS = ("LiFePO4", "FePO4", "mixed")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoughScan:
    """For each energy `(angle, v, u)` line integrals, 0 in air, and `(angle,)` radians; spectra, pattern and truth."""

    projections: list[np.ndarray]
    angles_rad: list[np.ndarray]
    spectra: np.ndarray
    """`(energy, phase)` with the background tied to the phases."""
    columns: np.ndarray
    """`(column, energy)`: the two references, then the background."""
    pattern: list[np.ndarray]
    """For each energy the true `(v, u)` line integral that stays on the detector."""
    truth: Truth


def rough_scan(seed: int, *, fixed_pattern_relative: float, **overrides: Any) -> RoughScan:
    """Simulate a scan and correct its counts."""
    disturbances = {"fixed_pattern_relative": fixed_pattern_relative}
    with tempfile.TemporaryDirectory() as folder:
        scan = simulate_scan(folder, preset="rough", seed=seed, disturbances=disturbances, **overrides)
        tomograms = open_scan(scan.folder).tomograms
        frames = [tomogram.read_rows(0, scan.settings.n_rows) for tomogram in tomograms]
    projections = [attenuate(f, noise=estimate_noise(f.flats, f.darks)).values for f in frames]
    projections = [p - air_level(p)[:, None, None] for p in projections]
    energies = np.array([tomogram.energy_ev for tomogram in tomograms])
    references = sample_references([bundled_reference("LFP"), bundled_reference("FP")], energies)
    background = background_columns(energies)
    totals = np.array([p.sum(dtype=np.float64) for p in projections])
    return RoughScan(
        projections=projections,
        angles_rad=[np.asarray(tomogram.angles_rad) for tomogram in tomograms],
        spectra=tie_background(totals, references, background).T,
        columns=np.concatenate([references, background]),
        pattern=true_pattern(scan),
        truth=scan.truth,
    )


def true_pattern(scan: SimulatedScan) -> list[np.ndarray]:
    """For each energy `(v, u)` line integral that stays on the detector."""
    settings = scan.settings
    shape, relative = (settings.n_rows, settings.n_columns), settings.disturbances.fixed_pattern_relative
    energies = range(len(scan.files))
    ratios = [fixed_pattern(shape, relative=relative, seed=scan.seed, energy_index=index) for index in energies]
    return [-np.log(ratio).astype(np.float32) for ratio in ratios]


def displacement_error(scan: RoughScan, displacement: np.ndarray) -> np.ndarray:
    """`(energy, angle, 2)` pixels, less what only moves the object; NaN for frames left out."""
    return without_gauge(displacement - scan.truth.displacement_px, scan.angles_rad)


def fraction_bias(scan: RoughScan, displacement: np.ndarray, pattern: np.ndarray | None) -> dict[str, float]:
    """Mean fraction of LiFePO4 less truth inside each kind of particle: unmixed projections, two reconstructions.

    Frames without a displacement count as not displaced; without a pattern the true one is taken off.
    """
    unmixed = unmix(scan, displacement, scan.pattern if pattern is None else pattern)
    centre, engine = (unmixed.shape[-1] - 1) / 2, FourierEngine()
    first, second = (
        engine.reconstruct(np.ascontiguousarray(sinogram.transpose(1, 0, 2)), scan.angles_rad[0], centre=centre)
        for sinogram in unmixed
    )
    biases = {}
    for kind in KINDS:
        inside = scan.truth.interior(kind, erosion=2)
        true = np.average(scan.truth.fraction[0][inside], weights=scan.truth.amount[inside])
        biases[kind] = float(first[inside].sum() / (first + second)[inside].sum() - true)
    return biases


def unmix(scan: RoughScan, displacement: np.ndarray, pattern: list[np.ndarray] | np.ndarray) -> np.ndarray:
    """`(phase, angle, v, u)` amounts in every projection, frames displaced back."""
    weights = np.linalg.pinv(scan.columns.T)[:2].astype(np.float32)
    unmixed = np.zeros((2, *scan.projections[0].shape), np.float32)
    for index, frames in enumerate(scan.projections):
        placed = undo_displacement(
            spline_coefficients(frames - pattern[index]),
            shift_px=np.nan_to_num(displacement[index]),
            magnification=float(scan.truth.magnification[index]),
        )
        for phase, weight in zip(unmixed, weights[:, index], strict=True):
            phase += weight * placed
    return unmixed
