"""Time, memory and bytes read of the fit of 256^3 voxels at 40 energies, 2.7 GB of float32.

Run as `python benchmarks/fit_memory.py FOLDER`; `--edge 128` is an eighth. Two jobs, each in a process of its own:

- the fit of an array in memory, beside one sum over it and one product with the transposed columns; a copy of the data
  would show as memory beside them;
- the main job on a file of volumes in FOLDER (`map_phases`, without keeping the attenuation). Noise and energy offset
  are found in a few slices first, so it reads a little more than once. All bytes that the process reads are told as
  well; beside the input they are its own maps, read back for the mask.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np

from xanesmap.phasemap.mapping.volume_input import VolumeInput
from xanesmap.phasemap.pipeline import map_phases
from xanesmap.reconstruct.volumes.opening import REGISTERED, REGISTERED_ENERGIES
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import CombinationModel, fit_combination, make_model
from xanesmap.spectra.reference import bundled_reference, sample_references

N_ENERGIES = 40
ENERGIES = np.linspace(7092.0, 7192.0, N_ENERGIES)
MOST_READ = 1.1
MOST_COPIED = 0.05
MEMORY = "2GB"


def main() -> int:
    """Run both jobs and print; 0 where the data were read once and not copied."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--edge", type=int, default=256)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--job", choices=["memory", "file"], help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.job:
        job = fit_in_memory if told.job == "memory" else map_file
        print(json.dumps(job(told.folder, edge=told.edge, threads=told.threads)))
        return 0
    words = [sys.executable, __file__, str(told.folder), f"--edge={told.edge}", f"--threads={told.threads}"]
    memory, file = (
        json.loads(subprocess.run([*words, "--job", job], check=True, stdout=subprocess.PIPE).stdout)
        for job in ("memory", "file")
    )
    size = N_ENERGIES * told.edge**3 * 4
    copied = (memory["peak"] - memory["held"] - memory["maps"]) / size
    print(f"{told.edge}^3 voxels x {N_ENERGIES} energies: {size / 1e9:.2f} GB, {told.threads} threads")
    print(f"in memory: fit {memory['fit']:.2f} s ({size / memory['fit'] / 1e9:.1f} GB/s), ", end="")
    print(f"sum over the data {memory['sum']:.2f} s, A.T @ Y {memory['product']:.2f} s")
    print(f"           maps {memory['maps'] / 1e9:.2f} GB; beside data and maps {copied:.3f} times the data")
    print(f"from file: {file['seconds']:.1f} s, read {file['read'] / size:.3f} times the data", end="")
    print(f" ({file['all'] / 1e9:.2f} GB with all else), ", end="")
    print(f"peak {file['peak'] / 1e9:.2f} GB with --memory {MEMORY}")
    passed = copied < MOST_COPIED and file["read"] < MOST_READ * size
    print("passed" if passed else f"FAILED: wanted <= {MOST_READ} times read and <= {MOST_COPIED} times copied")
    return 0 if passed else 1


def model() -> CombinationModel:
    """LiFePO4 and FePO4 with a background."""
    references = sample_references([bundled_reference("LFP"), bundled_reference("FP")], ENERGIES)
    return make_model(references, background_columns(ENERGIES))


def fill(data: np.ndarray | h5py.Dataset, edge: int) -> None:
    """`(energy, z, y, x)` 1/um: a cylinder of mixtures in air, with noise of a tenth of the edge step."""
    rng = np.random.default_rng(0)
    lfp = rng.random((edge, edge, edge), dtype=np.float32)
    away = np.hypot(*np.meshgrid(*[np.linspace(-1, 1, edge)] * 2))
    inside = (away < 0.7).astype(np.float32)
    for energy, (first, second, background) in enumerate(model().design):
        noise = rng.standard_normal(lfp.shape, dtype=np.float32)
        noise *= np.float32(0.1)
        noise += inside * (np.float32(second + 0.4 * background) + np.float32(first - second) * lfp)
        data[energy] = np.float32(0.045) * noise


def fit_in_memory(_folder: Path, *, edge: int, threads: int) -> dict[str, float]:
    """Fit an array and count."""
    data = np.empty((N_ENERGIES, edge, edge, edge), np.float32)
    fill(data, edge)
    fit_combination(data[:, :1, :1], model(), threads=threads)  # compiles
    held = status_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts here
    start = time.perf_counter()
    fit = fit_combination(data, model(), threads=threads)
    seconds, peak = time.perf_counter() - start, status_bytes("VmHWM")
    maps = (fit.amounts, fit.background, fit.fraction, fit.fraction_sigma, fit.amount, fit.amount_sigma, fit.r_factor)
    sizes = sum(array.nbytes for array in maps)
    start = time.perf_counter()
    data.sum()
    summed = time.perf_counter() - start
    columns = model().design.astype(np.float32).T
    start = time.perf_counter()
    columns @ data.reshape(N_ENERGIES, -1)
    product = time.perf_counter() - start
    return {"fit": seconds, "peak": peak, "held": held, "maps": sizes, "sum": summed, "product": product}


def map_file(folder: Path, *, edge: int, threads: int) -> dict[str, float]:
    """Map a file and count."""
    path, out = folder / f"fit_memory_{edge}.h5", folder / f"fit_memory_{edge}.zarr"
    with h5py.File(path, "w") as file:
        fill(file.create_dataset(REGISTERED, shape=(N_ENERGIES, edge, edge, edge), dtype=np.float32), edge)
        file[REGISTERED_ENERGIES] = ENERGIES / 1000
        file[REGISTERED].attrs["units"] = "1/um"
    counts: list[int] = []

    def counted(given: VolumeInput, start: int, stop: int) -> np.ndarray:
        rows = read_rows(given, start, stop)
        counts.append(rows.nbytes)
        return rows

    read_rows, VolumeInput.read = VolumeInput.read, counted
    before = bytes_read()
    Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    settings = {"memory": MEMORY, "threads": threads, "keep_mu": False, "overwrite": True}
    map_phases(path, out=out, reconstruct={"pixel_size_nm": 40.0}, **settings)
    seconds = time.perf_counter() - start
    path.unlink()
    read = {"read": sum(counts), "all": bytes_read() - before}
    return {"seconds": seconds, "peak": status_bytes("VmHWM"), **read}


def bytes_read() -> int:
    """Bytes this process has read from files, cached or not."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("rchar")))


def status_bytes(name: str) -> int:
    """Memory of this process: VmRSS now, VmHWM at its highest."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(name + ":")))


if __name__ == "__main__":
    sys.exit(main())
