"""Thousands of damaged and hostile scan files per format: all must be read, or refused in one of our sentences.

Flipped bytes reach HDF5 itself: with HDF5 2.0 a global heap whose free space claims to be 0 bytes long (seed 1383 of
nxtomo) makes it loop without end in H5HG__cache_heap_deserialize, on the first text of variable length. h5py does not
tell where the heap of an attribute is, so no caller can look at it beforehand, or stop the loop but by ending the
process.

Usage: python benchmarks/fuzz_readers.py [--mutations 2000] [--format fxi] [--seed 0]
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "reconstruct"))

from fuzz_formats import FORMATS, mutate_in_process, verdict_in_process


def fuzz(format, n_mutations, first_seed):
    """Faults found in a number of mutated files of one format."""
    faults, kinds = [], Counter()
    slowest = largest = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(first_seed, first_seed + n_mutations):
            folder = Path(scratch) / str(seed)
            path, done = mutate_in_process(folder, format, seed)
            start = time.perf_counter()
            fault, grown = verdict_in_process(path)
            slowest, largest = max(slowest, time.perf_counter() - start), max(largest, grown)
            kinds.update(done)
            if fault is not None:
                faults.append(f"seed {seed} {'+'.join(done)}: {fault}")
            shutil.rmtree(folder)
    print(f"{format:13} {n_mutations} files, {len(faults)} faults; slowest {slowest:.2f} s, ", end="")
    print(f"largest {largest / 2**20:.0f} MiB")
    print("    " + ", ".join(f"{name} {count}" for name, count in sorted(kinds.items())))
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
