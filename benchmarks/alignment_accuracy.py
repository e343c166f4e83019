"""Accuracy, time and memory of alignment across an absorption edge, beside the registration methods of other programs.

Run as `python benchmarks/alignment_accuracy.py`. It simulates rough scans (jitter of 1 px, drift, rotation axis,
magnification, lamp, zingers), once with an even detector and once with a static background: a fixed pattern of 1 %
that does not move with the object. It aligns each by every method and prints the rms error in v and u, what only moves
the object taken off. It exits with 1 if spectral projection matching is not ten times more accurate than chained phase
correlation of neighbouring energies in every scan with the static background, or needs more than 90 s or three times
the memory of the raw scan.

What the other methods are given, so that they lose by what they do and not by what they leave undone, is said in
`registration_methods`; the fractions are those without the static background even for them. TomoPy and pystackreg take
part where they are installed. All of it takes twenty minutes on two busy cores, half of them joint
re-projection; `--iterations 0` leaves that out.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

# The program is imported in child processes only: on Linux the peak memory of a child begins with that of its parent.

LEAST_RATIO = 10.0
MOST_SECONDS = 90.0
MOST_RAW = 3.0
SIZES: dict[str, dict[str, Any]] = {
    "24 x 121 x 64 x 96": {},
    "24 x 90 x 47 x 71": {"n_angles": 90, "n_rows": 47, "n_columns": 71},
}
BACKGROUNDS = {"even": 0.0, "static": 0.01}
CHAINED, OURS = "phase correlation, chained", "spectral projection matching (ours)"


def main() -> int:
    """Run all scans, each in a process of its own; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--size", choices=SIZES, action="append", help="only this one")
    parser.add_argument(
        "--iterations", type=int, default=10, help="of joint re-projection, first seed; 0 leaves it out"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(run_child(**json.loads(arguments.child))))
        return 0
    passed = True
    for size in arguments.size or SIZES:
        passed &= compare(size, arguments.seeds, arguments.iterations)
    return 0 if passed & judge_cost() else 1


def compare(size: str, seeds: list[int], iterations: int) -> bool:
    """Align the scans of one size and print the table; whether we are accurate enough."""
    found = {}
    for background in BACKGROUNDS:
        step = {"step": "scan", "size": size, "background": background}
        chosen = seeds if background == "static" else seeds[:1]
        joint = {seed: iterations if (background, seed) == ("static", seeds[0]) else 0 for seed in chosen}
        found[background] = [in_child(**step, seed=seed, iterations=joint[seed]) for seed in chosen]
    Console(width=130).print(accuracy_table(size, seeds, found))
    return judge_accuracy(found["static"])


def in_child(**step: Any) -> dict[str, Any]:
    """Run one step in a fresh process; what it found."""
    command = [sys.executable, __file__, "--child", json.dumps(step)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def accuracy_table(size: str, seeds: list[int], found: dict[str, list[dict[str, Any]]]) -> Table:
    """One line per method; errors rms over the seeds, biases the largest of them."""
    kinds = next(iter(found["static"][0].values()))["bias"]
    title = f"{size} (energies x angles x v x u), seeds {', '.join(map(str, seeds))}: rms error in pixels"
    table = Table(
        "method", "even:\nv", "\nu", "static:\nv", "\nu", "\ns", *(f"\n{kind}" for kind in kinds), title=title
    )
    for method in found["static"][0]:
        cells = []
        for scans in found.values():
            rows = [scan[method] for scan in scans if method in scan]
            cells += [rms_text([row[axis] for row in rows]) for axis in ("v", "u")]
        rows = [scan[method] for scan in found["static"] if method in scan]
        seconds = sum(row["seconds"] for row in rows) / len(rows)
        biases = (max((row["bias"][kind] for row in rows), key=abs) for kind in kinds)
        table.add_row(method, *cells, f"{seconds:.1f}", *(f"{bias:+.4f}" for bias in biases))
    table.caption = (
        "Even detector: first seed; so is joint re-projection. Last columns: mean fraction of LiFePO4 less truth in "
        "eroded particles of each kind, static background, worst seed."
    )
    return table


def rms_text(errors: list[float]) -> str:
    """Root mean square of some errors, `-` without any."""
    return f"{(sum(e**2 for e in errors) / len(errors)) ** 0.5:.3f}" if errors else "-"


def judge_accuracy(scans: list[dict[str, Any]]) -> bool:
    """Say how many times more accurate we are than chained phase correlation, seed by seed; whether it is enough."""
    ratios = []
    for scan in scans:
        chained, ours = ((scan[method]["v"] ** 2 + scan[method]["u"] ** 2) ** 0.5 for method in (CHAINED, OURS))
        ratios.append(chained / ours)
    passed = min(ratios) >= LEAST_RATIO
    shown = ", ".join(f"{ratio:.0f}" for ratio in ratios)
    verdict = "passed" if passed else "FAILED"
    print(f"{verdict}: {shown} times more accurate than {CHAINED}; wanted {LEAST_RATIO:g}\n", flush=True)
    return passed


def judge_cost() -> bool:
    """Say what time and memory the large scan takes; whether that is within bounds."""
    with tempfile.TemporaryDirectory() as folder:
        in_child(step="store", folder=folder)
        cost = in_child(step="cost", folder=folder)
    passed = cost["seconds"] <= MOST_SECONDS and cost["raw_scans"] <= MOST_RAW
    print(
        f"{'passed' if passed else 'FAILED'}: {next(iter(SIZES))} in {cost['seconds']:.1f} s on {cost['cores']} cores, "
        f"{cost['rounds']} rounds (wanted {MOST_SECONDS:g} s); peak memory {cost['raw_scans']:.2f} times the raw scan, "
        f"{cost['raw_mb']:.0f} MB in float32 (wanted {MOST_RAW:g})"
    )
    return passed


def run_child(step: str, **arguments: Any) -> dict[str, Any]:
    """Align one scan by all methods, store one, or measure what aligning it takes."""
    steps: dict[str, Callable[..., dict[str, Any]]] = {"scan": compare_methods, "store": store, "cost": measure_cost}
    return steps[step](**arguments)


def compare_methods(size: str, background: str, seed: int, iterations: int) -> dict[str, Any]:
    """Error, time and bias of every method on one scan."""
    import numpy as np
    from registration_methods import registration_methods
    from rough_scan import displacement_error, fraction_bias, rough_scan

    scan = rough_scan(seed, fixed_pattern_relative=BACKGROUNDS[background], **SIZES[size])
    results = {}
    for name, align in registration_methods(iterations).items():
        start = time.perf_counter()
        displacement, pattern = align(scan)
        seconds = time.perf_counter() - start
        error = displacement_error(scan, displacement)
        along_v, along_u = np.sqrt(np.nanmean(error**2, axis=(0, 1)))
        bias = fraction_bias(scan, scan.truth.displacement_px + error, pattern)
        results[name] = {"v": float(along_v), "u": float(along_u), "seconds": seconds, "bias": bias}
    return results


def store(folder: str) -> dict[str, Any]:
    """Keep one large rough scan as arrays."""
    import numpy as np
    from rough_scan import rough_scan

    scan = rough_scan(0, fixed_pattern_relative=BACKGROUNDS["static"])
    for index, frames in enumerate(scan.projections):
        np.save(Path(folder) / f"{index:02d}.npy", frames)
    np.savez(
        Path(folder) / "geometry.npz",
        angles=np.stack(scan.angles_rad),
        spectra=scan.spectra,
        magnification=scan.truth.magnification,
    )
    return {}


def measure_cost(folder: str) -> dict[str, Any]:
    """Time and memory of one alignment, frames read as they are needed, less what libraries and compilation take."""
    import numpy as np

    from xanesmap.reconstruct.alignment.projection_matching import align_projections

    with np.load(Path(folder) / "geometry.npz") as file:
        angles, spectra, magnification = (file[name] for name in ("angles", "spectra", "magnification"))
    files = sorted(Path(folder).glob("*.npy"))
    few = [np.array(np.load(file, mmap_mode="r")[::6]) for file in files[::6]]
    align_projections(few, list(angles[::6, ::6]), spectra=spectra[::6], max_rounds=2)
    before = peak_bytes()
    rounds: list[tuple[Any, ...]] = []
    start = time.perf_counter()
    align_projections(
        (np.load(file) for file in files),
        list(angles),
        spectra=spectra,
        magnification=magnification,
        round_done=lambda *progress: rounds.append(progress),
    )
    seconds = time.perf_counter() - start
    raw = angles.size * few[0][0].nbytes
    return {
        "seconds": seconds,
        "rounds": len(rounds),
        "raw_mb": raw / 1e6,
        "raw_scans": (peak_bytes() - before) / raw,
        "cores": os.cpu_count(),
    }


def peak_bytes() -> int:
    """Largest resident memory of this process so far."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


if __name__ == "__main__":
    sys.exit(main())
