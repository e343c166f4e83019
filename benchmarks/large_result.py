"""A large result with many particles, made without a scan."""

from pathlib import Path

import numpy as np
from scipy.ndimage import binary_dilation
from scipy.stats import norm
from solid_shapes import solids

from xanesmap.phasemap.storage.result_store import ResultWriter


def write_large(path: Path, n: int) -> None:
    """A result of n^3 voxels with core-shell particles of random size, some of which touch."""
    rng = np.random.default_rng(0)
    depth = np.full((n, n, n), -np.inf, np.float32)
    core = np.zeros((n, n, n), np.float32)
    for _ in range(1000 * n**3 // 512**3):
        radius = int(rng.uniform(12, 40))
        corner = rng.integers(0, n - 2 * radius - 1, 3)
        box = tuple(slice(c, c + 2 * radius + 1) for c in corner)
        if (depth[box] > 0).mean() > 0.02:
            continue
        own = solids.signed_depth((2 * radius + 1,) * 3, np.full(3, radius), radius * rng.uniform(0.8, 1, 3))
        fresh = (own > 0) & ~(depth[box] > 0)
        core[box] = np.where(fresh, norm.cdf((own - 0.25 * radius) / 0.7), core[box])
        depth[box] = np.maximum(depth[box], own)
    mask = depth > 0
    del depth
    writer = ResultWriter(
        path,
        shape=(n, n, n),
        phases=("LiFePO4", "FePO4"),
        energies_ev=[7100.0, 7150.0],
        pixel_size_um=0.04,
        slab_rows=64,
        keep_mu=False,
        attributes={},
    )
    with writer:
        for start in range(0, n, 64):
            part = slice(start, min(start + 64, n))
            inside = mask[part]
            near = slice(max(0, start - 4), min(n, part.stop + 4))
            around = binary_dilation(mask[near], iterations=4)[start - near.start :][: part.stop - start] & ~inside
            noisy = np.where(inside, core[part] + 0.08 * rng.standard_normal(inside.shape, np.float32), np.nan)
            sigma, amount = (np.where(inside, np.float32(v), np.nan).astype(np.float32) for v in (0.08, 0.045))
            writer.write_slab(
                start,
                part.stop,
                fraction=np.stack([noisy, 1 - noisy]).astype(np.float32),
                fraction_sigma=np.stack([sigma, sigma]),
                amount=amount,
                amount_sigma=amount * 0.05,
                amount_around=np.where(around, np.float32(0.002), np.nan).astype(np.float32),
                residual=amount * 0.01,
                mask=inside.astype(np.uint8),
                phase_labels=inside.astype(np.uint8),
            )
        writer.finish()
