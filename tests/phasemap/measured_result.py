"""A finished result as a run leaves it, from what was in the sample, for tests of segmentations."""

import numpy as np

from xanesmap.phasemap.storage.result_store import ResultWriter

_KINDS = {"mask": np.uint8, "phase_labels": np.uint8}
_SLAB_ROWS = 16


def write_result(path, mask, first, *, amount=0.04, noise=0.06, amount_sigma=0.002, pixel_um=0.1, unit="1/um", seed=0):
    """Write a result of two phases.

    Parameters
    ----------
    path
        New folder.
    mask
        `(z, y, x)` True inside the sample.
    first
        Fraction of the first phase, to which noise of that standard deviation is added.
    amount
        Edge step, as it was measured.
    unit
        Of the edge step: 1 for 2-D images.
    """
    noisy = first + noise * np.random.default_rng(seed).normal(size=mask.shape)
    maps = {
        "fraction": np.stack([noisy, 1 - noisy]),
        "fraction_sigma": np.full((2, *mask.shape), noise),
        "amount": np.broadcast_to(amount, mask.shape),
        "amount_sigma": np.full(mask.shape, amount_sigma),
        "residual": np.full(mask.shape, 0.01 * np.mean(amount)),
    }
    kept = {name: np.where(mask, values, np.nan) for name, values in maps.items()}
    kept |= {"mask": mask, "phase_labels": mask}
    writer = ResultWriter(
        path,
        shape=mask.shape,
        phases=("LiFePO4", "FePO4"),
        energies_ev=[7100.0, 7150.0],
        pixel_size_um=pixel_um,
        slab_rows=min(_SLAB_ROWS, mask.shape[0]),
        keep_mu=False,
        attributes={},
        attenuation_unit=unit,
    )
    with writer:
        for start in range(0, mask.shape[0], writer.slab_rows):
            stop = min(start + writer.slab_rows, mask.shape[0])
            rows = {name: values[..., start:stop, :, :] for name, values in kept.items()}
            writer.write_slab(start, stop, **{n: v.astype(_KINDS.get(n, np.float32)) for n, v in rows.items()})
        writer.finish()
    return path
