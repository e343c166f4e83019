"""Time of the spectrum probe on a result of 256^3 voxels and 40 energies, made on first use.

python benchmarks/spectrum_probe.py /tmp/large.zarr --edge 256 --energies 40
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from xanesmap.phasemap.result import PhaseMap, open_result
from xanesmap.phasemap.segmentation.labels import label_phases
from xanesmap.phasemap.storage.result_store import ResultWriter
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.reference import bundled_reference, sample_references
from xanesmap.viewers.napari_plugin.spectrum.probe import probe_region, probe_voxel
from xanesmap.viewers.napari_plugin.spectrum.probed_region import box_region

PHASES = ("LiFePO4", "FePO4")
SLAB_ROWS = 64
AMOUNT, NOISE = 0.06, 2e-3


def make_result(path: Path, *, edge: int, n_energies: int) -> PhaseMap:
    """A noisy ball of LiFePO4 in a shell of FePO4."""
    energies = np.linspace(7095.0, 7190.0, n_energies)
    references = sample_references([bundled_reference(phase) for phase in PHASES], energies)
    design = np.column_stack([*references, background_columns(energies)[0]])
    fit = {"columns": [*PHASES, "background 1"], "design": design, "weights": np.ones(n_energies)}
    with ResultWriter(
        path,
        shape=(edge,) * 3,
        phases=PHASES,
        energies_ev=energies,
        pixel_size_um=0.04,
        slab_rows=SLAB_ROWS,
        keep_mu=True,
        attributes={"fit": fit},
    ) as writer:
        for start in range(0, edge, SLAB_ROWS):
            writer.write_slab(start, min(start + SLAB_ROWS, edge), **slab(start, edge, design))
        writer.finish()
    return open_result(path)


def slab(start: int, edge: int, design: np.ndarray) -> dict[str, np.ndarray]:
    """Layers of one slab."""
    rng = np.random.default_rng(start)
    rows = min(SLAB_ROWS, edge - start)
    z, y, x = np.ogrid[start : start + rows, :edge, :edge]
    radius = np.sqrt(sum((axis - (edge - 1) / 2) ** 2 for axis in (z, y, x))) / edge
    mask = radius < 0.45
    core = np.where(radius < 0.3, 1.0, 0.0).astype(np.float32)
    noise = rng.standard_normal((len(design), rows, edge, edge), dtype=np.float32) * NOISE
    mu = noise + mask * AMOUNT * (
        design[:, 0, None, None, None] * core + design[:, 1, None, None, None] * (1 - core)
    ).astype(np.float32)
    sigma = np.where(mask, np.float32(0.06), np.nan)
    fraction = np.where(mask, core + 0.06 * rng.standard_normal(mask.shape, dtype=np.float32), np.nan)
    both = np.stack([fraction, 1 - fraction]).astype(np.float32)
    amount = np.where(mask, AMOUNT + 1e-3 * rng.standard_normal(mask.shape), np.nan).astype(np.float32)
    return {
        "fraction": both,
        "fraction_sigma": np.stack([sigma, sigma]).astype(np.float32),
        "amount": amount,
        "amount_sigma": np.where(mask, 1e-3, np.nan).astype(np.float32),
        "residual": np.where(mask, 1e-3, np.nan).astype(np.float32),
        "mask": mask.astype(np.uint8),
        "phase_labels": label_phases(np.nan_to_num(both), mask, pure_threshold=0.7),
        "mu": mu,
    }


def seconds(action: Callable[[], object]) -> float:
    """Shortest of three."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Make the result if it is not there, and print how long the probe takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("--edge", type=int, default=256)
    parser.add_argument("--energies", type=int, default=40)
    asked = parser.parse_args()
    path = asked.result
    result = open_result(path) if path.exists() else make_result(path, edge=asked.edge, n_energies=asked.energies)
    edge = result.shape[0]
    middle = edge // 2
    print(f"voxel: {1e3 * seconds(lambda: probe_voxel(result, middle, middle, middle)):.0f} ms")
    for side in (10, 22, 46, 100):
        corner = (middle - side // 2,) * 3
        region = box_region(corner, (side,) * 3)
        took = seconds(lambda region=region: probe_region(result, region))
        print(f"box of {side**3:,} voxels: {1e3 * took:.0f} ms")


if __name__ == "__main__":
    main()
