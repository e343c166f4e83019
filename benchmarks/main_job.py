"""Time and memory of the main job, from a scan on disk to a finished phase map.

Run as `python benchmarks/main_job.py`. It simulates scans in a temporary folder, maps each in a process of its own and
prints the time of every stage, voxels times energies per second, and the peak memory with and without what Python
takes before the job begins. It exits with 1 if the peak of a job given a memory budget is above 1.3 times that budget
and 0.3 GB for Python and the libraries, or if a preset needs more than 3 GB in all.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

# The program is imported in child processes only: on Linux the peak memory of a child begins with that of its parent.

MOST_BUDGETS = 1.3
LIBRARIES_GB = 0.3
MOST_GB = 3.0
STAGES = ("Centre and noise", "Reconstruct and fit", "Mask and phases", "Write result")
WIDE = {"n_columns": 256, "n_rows": 96, "n_angles": 181, "supersampling": 1}


@dataclass(frozen=True)
class Case:
    """A scan, and the memory budgets to map it with; None leaves the choice to the program."""

    name: str
    preset: str
    budgets: tuple[str | None, ...] = (None,)
    overrides: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case("small", "small"),
    Case("seed-like", "seed-like"),
    Case("wide", "small", budgets=("300MB", "1GB", "2GB"), overrides=WIDE),
)


def main() -> int:
    """Run all cases, or, in a child process, the one step asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=[case.name for case in CASES])
    parser.add_argument("--engine", default="fourier")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(run_child(**json.loads(arguments.child))))
        return 0
    table = Table("scan", "budget", *STAGES, "total", "M voxel energies/s", "before", "peak", "x budget")
    passed = True
    for case in CASES:
        if arguments.only in (None, case.name):
            passed &= run_case(case, table, engine=arguments.engine, threads=arguments.threads)
    Console(width=150).print(table)
    print(
        "passed"
        if passed
        else f"FAILED: wanted <= {MOST_BUDGETS:g} x budget + {LIBRARIES_GB:g} GB, and <= {MOST_GB:g} GB for presets"
    )
    return 0 if passed else 1


def run_case(case: Case, table: Table, *, engine: str, threads: int | None) -> bool:
    """Simulate a scan and map it with every budget; whether memory stayed within bounds."""
    passed = True
    with tempfile.TemporaryDirectory() as folder:
        scan = str(Path(folder) / "scan")
        in_child(step="simulate", scan=scan, preset=case.preset, overrides=case.overrides)
        for budget in case.budgets:
            found = in_child(step="map", scan=scan, memory=budget, engine=engine, threads=threads)
            seconds = found["seconds"]
            total = sum(seconds.values())
            ratio = (found["peak_gb"] - LIBRARIES_GB) / found["budget_gb"]
            passed &= ratio <= MOST_BUDGETS and (budget is not None or found["peak_gb"] <= MOST_GB)
            table.add_row(
                case.name, budget or f"({found['budget_gb']:.1f} GB)",
                *(f"{seconds[stage]:.1f} s ({seconds[stage] / total:.0%})" for stage in STAGES), f"{total:.1f} s",
                f"{found['voxel_energies'] / total / 1e6:.1f}", f"{found['before_gb']:.2f} GB",
                f"{found['peak_gb']:.2f} GB", f"{ratio:.2f}",
            )  # fmt: skip
    return passed


def in_child(**step: Any) -> dict[str, Any]:
    """Run one step in a fresh process; what it found."""
    command = [sys.executable, __file__, "--child", json.dumps(step)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_child(step: str, **arguments: Any) -> dict[str, Any]:
    """Simulate a scan or map one."""
    return simulate(**arguments) if step == "simulate" else map_scan(**arguments)


def simulate(scan: str, preset: Any, overrides: dict[str, Any]) -> dict[str, Any]:
    """Write a simulated scan."""
    from xanesmap.phasemap.simulation import simulate_scan

    simulate_scan(scan, preset=preset, **overrides)
    return {}


def map_scan(scan: str, memory: str | None, engine: str, threads: int | None) -> dict[str, Any]:
    """Map a scan; seconds of each stage, gigabytes before and at the peak."""
    from xanesmap.phasemap.config import make_config
    from xanesmap.phasemap.pipeline import run

    out = str(Path(scan).with_name("result.zarr"))
    settings = {"scan": scan, "out": out, "overwrite": True, "threads": threads, "reconstruct": {"engine": engine}}
    config = make_config({**settings, "memory": memory})
    budget, before = config.memory_budget, peak_gb()
    seconds = dict.fromkeys(STAGES, 0.0)
    last = time.perf_counter()

    def note(stage: str, done: int, total: int) -> None:
        nonlocal last
        now = time.perf_counter()
        seconds[stage] += now - last
        last = now

    result = run(config, progress=note)
    return {
        "seconds": seconds,
        "voxel_energies": result.mu.size,
        "budget_gb": budget / 1e9,
        "before_gb": before,
        "peak_gb": peak_gb(),
    }


def peak_gb() -> float:
    """Largest resident memory of this process so far, in GB."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e9


if __name__ == "__main__":
    sys.exit(main())
