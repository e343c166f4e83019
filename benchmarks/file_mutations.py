"""Damaged copies of files, the same for the same seed: truncated, bytes flipped, sizes absurd, blocks copied about.

Of text files every second copy stays text, with other figures, commas and line ends in it.
"""

import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from xanesmap.errors import DataError

LETTERS = b"0123456789.,;:-+eEnaif/ \t\n#\"'"
ABSURD = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """One damaged copy of a file."""
    copy = bytearray(content)
    if content.isascii() and rng.random() < 0.5:
        for place in rng.integers(0, len(copy), rng.integers(1, 5)):
            copy[place] = rng.choice(list(LETTERS))
        return bytes(copy)
    kind = rng.integers(0, 6)
    if kind == 0:
        return bytes(copy[: rng.integers(0, len(copy))])
    if kind == 1:
        for place in rng.integers(0, len(copy), rng.integers(1, 50)):
            copy[place] = rng.integers(0, 256)
    elif kind in (2, 3):
        # sizes and pointers are mostly at the beginning
        reach = len(copy) if kind == 2 else min(len(copy), 4096)
        for place in rng.integers(0, reach, rng.integers(1, 8)):
            copy[place : place + 4] = int(rng.choice(ABSURD)).to_bytes(4, "little")
    elif kind == 4:
        place = rng.integers(0, min(len(copy), 4096))
        copy[place : place + 4] = int(rng.integers(0, 2**32)).to_bytes(4, "little")
    else:
        source, target = rng.integers(0, len(copy), 2)
        length = rng.integers(1, 2000)
        copy[target : target + length] = copy[source : source + length]
    return bytes(copy)


def try_damaged(content: bytes, place: Path, read: Callable[[Path], object], *, n: int, seed: int = 0) -> Counter[str]:
    """Read damaged copies of a file, and count how that ended.

    Parameters
    ----------
    content
        The intact file.
    place
        Where the copies are written, one after the other.
    read
        Reads a file; may raise `DataError` and nothing else.
    n
        Number of copies.
    seed
        Same seed, same copies.

    Returns
    -------
    Counts of "read", "refused", "crashed: ..." and "slow" (over 2 s of processor time); the slowest copy in ms as
    "slowest ms", and the most memory Python and NumPy held while one was read in MB as "peak MB".
    """
    rng = np.random.default_rng(seed)
    ended: Counter[str] = Counter()
    tracemalloc.start()
    for _ in range(n):
        place.write_bytes(damage(content, rng))
        tracemalloc.reset_peak()
        start = time.process_time()  # the machine may be busy
        try:
            read(place)
            ended["read"] += 1
        except DataError as error:
            ended["refused" if "\n" not in str(error) else "crashed: several lines"] += 1
        except Exception as error:
            ended[f"crashed: {type(error).__name__}: {str(error)[:80]}"] += 1
        seconds = time.process_time() - start
        ended["slow"] += seconds > 2.0
        ended["slowest ms"] = max(ended["slowest ms"], round(1000 * seconds))
        ended["peak MB"] = max(ended["peak MB"], tracemalloc.get_traced_memory()[1] >> 20)
    tracemalloc.stop()
    return ended
