"""A screen for drawing in 3-D where the machine has none: Xvfb, started for a while."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from xanesmap.errors import DataError

_WAIT_S = 10.0


def has_screen() -> bool:
    """Whether windows can be opened."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextmanager
def any_screen() -> Iterator[None]:
    """A screen while the block runs: the machine's own, else one of Xvfb that nobody sees.

    Raises
    ------
    DataError
        There is no screen, and no Xvfb.
    """
    if has_screen():
        yield
        return
    program = shutil.which("Xvfb")
    if program is None:
        message = (
            "there is no screen to draw on, and no Xvfb in its place; install it (Debian and Ubuntu: apt-get install "
            "xvfb; Fedora: dnf install xorg-x11-server-Xvfb), or run this where there is a screen."
        )
        raise DataError(message)
    before = {name: os.environ.get(name) for name in ("DISPLAY", "QT_QPA_PLATFORM")}
    with _started(program) as display:
        os.environ["DISPLAY"] = display
        os.environ.pop("QT_QPA_PLATFORM", None)  # other platforms of Qt draw nothing in 3-D
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


@contextmanager
def _started(program: str) -> Iterator[str]:
    """Xvfb with a display of its own choice, whose name is given; it ends with the block."""
    reading, writing = os.pipe()
    words = [program, "-displayfd", str(writing), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
    # a session of its own: an interrupt from the keyboard ends the drawing first, and the screen after it
    process = subprocess.Popen(
        words, pass_fds=(writing,), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(writing)
    try:
        with os.fdopen(reading, encoding="ascii") as told:
            number = told.readline().strip()
        if not number:
            message = "Xvfb, which stands in for a screen, did not start; run this where there is a screen."
            raise DataError(message)
        yield f":{number}"
    finally:
        process.terminate()
        process.wait(_WAIT_S)
