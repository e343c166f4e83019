"""Thousands of damaged and hostile scan files per format: all must be read, or refused in one of our sentences.

Flipped bytes reach HDF5 itself: with HDF5 2.0 a global heap whose free space claims to be 0 bytes long (seed 1383 of
nxtomo) makes it loop without end in H5HG__cache_heap_deserialize, on the first text of variable length. The readers
survive that by `hdf5_soundness`; here processes of their own tell if they do not.

Usage: python benchmarks/fuzz_readers.py [--mutations 2000] [--format fxi] [--seed 0]
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "reconstruct"))

from fuzz_formats import FORMATS, mutate_in_process, verdicts_in_process

BATCH = 50
"""Files made and judged together."""


def fuzz(format, n_mutations, first_seed):
    """Faults found in a number of mutated files of one format."""
    faults, kinds = [], Counter()
    slowest = largest = 0.0
    for first in range(first_seed, first_seed + n_mutations, BATCH):
        seeds = range(first, min(first + BATCH, first_seed + n_mutations))
        with tempfile.TemporaryDirectory() as scratch:
            mutated = [mutate_in_process(Path(scratch) / str(seed), format, seed) for seed in seeds]
            judged = verdicts_in_process([path for path, _ in mutated])
        for seed, (_, done), (fault, seconds, grown) in zip(seeds, mutated, judged, strict=True):
            slowest, largest = max(slowest, seconds), max(largest, grown)
            kinds.update(done)
            if fault is not None:
                faults.append(f"seed {seed} {'+'.join(done)}: {fault}")
    print(f"{format:13} {n_mutations} files, {len(faults)} faults; slowest {slowest:.2f} s, ", end="")
    print(f"largest {largest / 2**20:.0f} MiB")
    print("    " + ", ".join(f"{name} {count}" for name, count in sorted(kinds.items())), flush=True)
    return faults


def main():
    """Fuzz the formats asked for; exit code 1 with any fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutations", type=int, default=2000)
    parser.add_argument("--format", choices=FORMATS)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    formats = [asked.format] if asked.format else FORMATS
    faults = [fault for format in formats for fault in fuzz(format, asked.mutations, asked.seed)]
    for fault in faults[:40]:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
