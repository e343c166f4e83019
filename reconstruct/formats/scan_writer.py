"""One energy of a scan written in any of the layouts that are written, under the name its beamline gives it."""

from pathlib import Path
from typing import Literal, get_args

from xanesmap.errors import DataError
from xanesmap.reconstruct.formats.fxi import copy_to_fxi
from xanesmap.reconstruct.formats.tiff_writer import write_tiff
from xanesmap.reconstruct.formats.writers import write_dataexchange, write_nxtomo
from xanesmap.reconstruct.scan import Tomogram

WrittenFormat = Literal["fxi", "dataexchange", "nxtomo", "tiff"]
"""Layout of NSLS-II beamline 18-ID, Data Exchange of the APS, NXtomo of NeXus, or TIFF stacks."""

FIRST_SCAN_ID = 10001


def check_format(format: str) -> WrittenFormat:
    """Name of a layout that is written.

    Parameters
    ----------
    format
        What was asked for.

    Raises
    ------
    DataError
        There is no such layout.
    """
    for known in get_args(WrittenFormat):
        if format == known:
            return known  # type: ignore[no-any-return]  # get_args knows no types
    message = f"A scan in format {format!r} was asked for; there is {', '.join(get_args(WrittenFormat))}."
    raise DataError(message)


def scan_file_name(index: int, *, format: WrittenFormat) -> str:
    """Name of the file of one energy.

    Parameters
    ----------
    index
        Number of the energy, from 0, in order of energy.
    format
        Layout of the file.
    """
    names = {
        "fxi": f"fly_scan_id_{FIRST_SCAN_ID + index}.h5",
        "dataexchange": f"tomo_{index + 1:04d}.h5",
        "nxtomo": f"scan_{index + 1:04d}.nxs",
        "tiff": f"tomo_{index + 1:04d}.tif",
    }
    return names[format]


def write_tomogram(
    path: Path, tomogram: Tomogram, *, format: WrittenFormat, index: int, uid: str = "", note: str = ""
) -> None:
    """Write one energy of a scan, frame by frame.

    Parameters
    ----------
    path
        File to write; an existing one is replaced.
    tomogram
        What to write.
    format
        Layout of the file.
    index
        Number of the energy, from 0; the scan number of an FXI file follows from it.
    uid, note
        Unique name and text of an FXI file; the name is the software of a TIFF file.

    Raises
    ------
    DataError
        The tomogram cannot be read or does not fit the layout, or the file cannot be written.
    """
    if format == "fxi":
        copy_to_fxi(path, tomogram, scan_id=FIRST_SCAN_ID + index, uid=uid, note=note)
    elif format == "dataexchange":
        write_dataexchange(path, tomogram)
    elif format == "nxtomo":
        write_nxtomo(path, tomogram)
    else:
        write_tiff(path, tomogram, software=uid or "xanesmap")
