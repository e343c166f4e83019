"""Loops compiled by numba, whose sums do not depend on where a part of a volume begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Any:
    """Compile at the first call, and keep the machine code for the next process where a folder allows it.

    Sums are taken in the order in which they are written, so that parts of a volume give the same bits as all of it.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package nor the user's cache folder can be written to
        return njit(**options)(function)
