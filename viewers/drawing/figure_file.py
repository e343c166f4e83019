"""A figure written to a file, with a sentence where that fails."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from xanesmap.errors import DataError


def save_figure(figure: Figure, path: str | Path, *, dpi: int = 200) -> None:
    """Save a figure.

    Parameters
    ----------
    figure
        The figure.
    path
        Where to; its suffix is the format (png, pdf, svg).
    dpi
        Dots per inch of a pixel format.

    Raises
    ------
    DataError
        The file cannot be written, or its suffix is no picture format.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=dpi)
    except OSError as error:
        message = f"picture '{path}' cannot be written ({error.strerror}); choose another place with --out."
        raise DataError(message) from error
    except ValueError as error:
        message = f"picture '{path}' has no format that can be drawn; let it end in .png, .pdf or .svg."
        raise DataError(message) from error
