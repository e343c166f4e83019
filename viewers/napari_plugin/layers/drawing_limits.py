"""How large a volume may be that is drawn in 3-D, by memory and by what draws it."""

from __future__ import annotations

import psutil
from vispy.gloo import gl
from vispy.gloo.context import get_current_canvas

VOLUME_BYTES = 512 * 2**20
"""Bytes of one layer that graphics cards of today take beside others."""
PROCESSOR_VOXELS = 256**3
"""Voxels that a processor draws within a second or so, where there is no graphics card."""

_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "software")


def volume_budget(itemsize: int) -> int:
    """Bytes that one volume may take in 3-D.

    Parameters
    ----------
    itemsize
        Bytes of a voxel.

    Returns
    -------
    int
        At most an eighth of the memory that is free, and `VOLUME_BYTES`; without a graphics card (remote desktops,
        Xvfb) no more than `PROCESSOR_VOXELS`.
    """
    budget = min(VOLUME_BYTES, int(psutil.virtual_memory().available) // 8)
    return min(budget, PROCESSOR_VOXELS * itemsize) if is_software(renderer()) else budget


def renderer() -> str:
    """What OpenGL draws with; empty before the first window."""
    return "" if get_current_canvas() is None else str(gl.glGetParameter(gl.GL_RENDERER))


def is_software(name: str) -> bool:
    """Whether a renderer of that name draws by the processor."""
    return any(word in name.lower() for word in _SOFTWARE)
