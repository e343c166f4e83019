"""Tomograms written as Data Exchange and NXtomo files, frame by frame, so that no scan has to fit into memory."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np

from xanesmap.reconstruct.formats.hdf5_writing import write_projections, writing_hdf5
from xanesmap.reconstruct.formats.nxtomo import DARK, FLAT, PROJECTION
from xanesmap.reconstruct.scan import CountArray, Tomogram


def write_dataexchange(path: str | Path, tomogram: Tomogram) -> None:
    """Write one energy in the Data Exchange layout.

    The layout is that of De Carlo et al., J. Synchrotron Rad. 21, 1224 (2014), doi:10.1107/S160057751401604X: counts
    `(theta, y, x)` in `/exchange/data`, `data_white` and `data_dark`, `/exchange/theta` in degrees, energy in keV in
    `/measurement/instrument/monochromator/energy`.

    Parameters
    ----------
    path
        File to write; an existing one is replaced.
    tomogram
        What to write; counts keep their data type.

    Raises
    ------
    DataError
        The tomogram cannot be read, or the file cannot be written.
    """
    flats, darks = tomogram.read_references()
    with writing_hdf5(Path(path)) as file:
        _sign(file, tomogram)
        file["implements"] = "exchange:measurement:process"
        exchange = file.create_group("exchange")
        shape = (tomogram.angles_rad.size, tomogram.n_rows, tomogram.n_columns)
        data = exchange.create_dataset("data", shape=shape, dtype=tomogram.read_projection(0).dtype)
        data.attrs.update({"description": "transmission", "units": "counts", "axes": "theta:y:x"})
        write_projections(data, tomogram)
        for name, frames in (("white", flats), ("dark", darks)):
            exchange[f"data_{name}"] = frames
            exchange[f"data_{name}"].attrs.update({"units": "counts", "axes": f"theta_{name}:y:x"})
        _write_value(file, "exchange/theta", np.rad2deg(tomogram.angles_rad), "degrees")
        if np.isfinite(tomogram.energy_ev):
            _write_value(file, "measurement/instrument/monochromator/energy", tomogram.energy_ev / 1000, "keV")
        if tomogram.pixel_size_nm is not None:
            objective = "measurement/instrument/detection_system/objective"
            _write_value(file, f"{objective}/resolution", tomogram.pixel_size_nm / 1000, "um")
        if tomogram.binning is not None:
            for axis in ("x", "y"):
                file[f"measurement/instrument/detector/binning_{axis}"] = tomogram.binning
        if tomogram.time_s is not None:
            file["process/acquisition/start_date"] = _iso(tomogram.time_s)


def write_nxtomo(path: str | Path, tomogram: Tomogram) -> None:
    """Write one energy as a NeXus NXtomo file: darks, flats and projections in one array, told apart by their key.

    Parameters
    ----------
    path
        File to write; an existing one is replaced.
    tomogram
        What to write; counts keep their data type.

    Raises
    ------
    DataError
        The tomogram cannot be read, or the file cannot be written.
    """
    flats, darks = tomogram.read_references()
    n_before = len(darks) + len(flats)
    with writing_hdf5(Path(path)) as file:
        _sign(file, tomogram)
        file.attrs["default"] = "entry"
        entry = _group(file, "entry", "NXentry")
        entry["definition"] = "NXtomo"
        entry["title"] = tomogram.source.name
        if tomogram.time_s is not None:
            entry["start_time"] = _iso(tomogram.time_s)
        _group(entry, "instrument", "NXinstrument")
        detector = _group(entry, "instrument/detector", "NXdetector")
        shape = (n_before + tomogram.angles_rad.size, tomogram.n_rows, tomogram.n_columns)
        data = detector.create_dataset("data", shape=shape, dtype=_common_type(tomogram, flats, darks))
        data[: len(darks)] = darks
        data[len(darks) : n_before] = flats
        write_projections(data, tomogram, first=n_before)
        keys = np.repeat([DARK, FLAT, PROJECTION], [len(darks), len(flats), tomogram.angles_rad.size])
        detector["image_key"] = keys
        detector["image_key_control"] = keys
        _write_sample(entry, tomogram, n_before=n_before)
        source = _group(entry, "instrument/source", "NXsource")
        source["probe"] = "x-ray"
        if np.isfinite(tomogram.energy_ev):
            _group(entry, "instrument/beam", "NXbeam")
            _write_value(entry, "instrument/beam/incident_energy", tomogram.energy_ev / 1000, "keV")
        _link_data(entry)


def _write_sample(entry: h5py.Group, tomogram: Tomogram, *, n_before: int) -> None:
    sample = _group(entry, "sample", "NXsample")
    sample["name"] = tomogram.source.stem
    degrees = np.rad2deg(tomogram.angles_rad)
    # Flats and darks have no angle of their own; NXtomo wants one for each frame.
    _write_value(sample, "rotation_angle", np.concatenate([np.full(n_before, degrees[0]), degrees]), "degree")
    if tomogram.pixel_size_nm is not None:
        for name in ("x_pixel_size", "y_pixel_size"):
            _write_value(sample, name, tomogram.pixel_size_nm * 1e-9, "m")


def _link_data(entry: h5py.Group) -> None:
    data = _group(entry, "data", "NXdata")
    data.attrs["signal"] = "data"
    for name in ("data", "image_key", "image_key_control"):
        data[name] = h5py.SoftLink(f"/entry/instrument/detector/{name}")
    data["rotation_angle"] = h5py.SoftLink("/entry/sample/rotation_angle")


def _common_type(tomogram: Tomogram, flats: CountArray, darks: CountArray) -> np.dtype[np.generic]:
    """Type of the projections where it holds flats and darks as well, such as the ones that stand for missing flats."""
    dtype = tomogram.read_projection(0).dtype
    if all(np.array_equal(frames, frames.astype(dtype)) for frames in (flats, darks)):
        return dtype
    return np.result_type(dtype, flats, darks)


def _group(parent: h5py.Group, name: str, kind: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    return group


def _write_value(parent: h5py.Group, name: str, value: object, unit: str) -> None:
    parent[name] = value
    parent[name].attrs["units"] = unit


def _sign(file: h5py.File, tomogram: Tomogram) -> None:
    file.attrs["creator"] = f"xanesmap {version('xanesmap')}"
    file.attrs["source"] = str(tomogram.source)
    file.attrs["source_notes"] = " ".join(tomogram.notes)


def _iso(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat()
