"""The order of files by the numbers in their names."""

import re
from pathlib import Path


def natural_order(path: Path) -> list[tuple[int, int | str]]:
    """Key that sorts by the numbers in a name, not by their digits: `scan_9` comes before `scan_10`."""
    parts = re.split(r"(\d+)", path.name)
    return [(1, int(part)) if part.isdecimal() else (0, part) for part in parts]
