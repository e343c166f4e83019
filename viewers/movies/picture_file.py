"""Pictures written to files with their resolution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.viewers.movies.movie_file import refuse_existing

SUFFIXES = (".png", ".tif", ".tiff")


def check_picture_path(path: str | Path, *, overwrite: bool) -> Path:
    """The path of a picture that can be written.

    Raises
    ------
    DataError
        Another suffix than png or tif, or a file that exists and may not be replaced.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        message = f"picture '{path}' has no format that can be written; let --out end in .png or .tif."
        raise DataError(message)
    refuse_existing(path, overwrite=overwrite)
    return path


def write_picture(path: str | Path, picture: NDArray[np.uint8], *, dpi: float, overwrite: bool = False) -> Path:
    """Write a picture, whole or not at all.

    Parameters
    ----------
    path
        Ending in ``.png`` or ``.tif``; missing folders are made.
    picture
        (row, column, 4); written without opacity where it is opaque everywhere.
    dpi
        Dots per inch, which the file tells.
    overwrite
        Whether a file there may be replaced.

    Raises
    ------
    DataError
        The path cannot take a picture.
    """
    from PIL import Image

    path = check_picture_path(path, overwrite=overwrite)
    partial = path.with_name(path.name + ".partial")
    opaque = bool((picture[..., 3] == 255).all())
    image = Image.fromarray(picture[..., :3] if opaque else picture)
    options: dict[str, Any] = {"format": "PNG", "optimize": True}
    if path.suffix.lower() != ".png":
        options = {"format": "TIFF", "compression": "tiff_deflate"}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(partial, dpi=(dpi, dpi), **options)
        partial.replace(path)
    except OSError as error:
        message = f"picture '{path}' cannot be written ({error.strerror or error}); choose another place with --out."
        raise DataError(message) from error
    finally:
        if path.parent.is_dir():
            partial.unlink(missing_ok=True)
    return path
