"""Speed of reading a scan in slabs of detector rows, as a multiple of plain h5py reading the same bytes.

Run as `python benchmarks/reader_speed.py`. It prints a table and exits with 1 if a slab of at least 8 MB is read at
less than 0.7 times the speed of h5py, which opens the file once per slab as the readers do, and reads the same rows of
projections, flats and darks. TIFF files are compared with h5py reading the same bytes from one contiguous HDF5 file;
single pages also with as many HDF5 files of one frame each, which is shown only. Both sides read in turns what the
machine holds in memory, and the best of several rounds counts, so that other work on the machine hits both alike.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import tifffile
from rich.console import Console
from rich.table import Table

from xanesmap.reconstruct.array_tomogram import ArrayTomogram
from xanesmap.reconstruct.formats.scan_writer import WrittenFormat, scan_file_name, write_tomogram
from xanesmap.reconstruct.readers import open_scan
from xanesmap.reconstruct.scan import Tomogram

LEAST_SPEED = 0.7
LEAST_BYTES = 8_000_000
N_ANGLES, N_FLATS, N_DARKS = 181, 10, 10
SHAPE = (256, 1024)  # (v, u)
SLAB_ROWS = (8, 24, 64, 256)

Reading = tuple[str, slice]
DATASETS: dict[str, tuple[Reading, Reading, Reading]] = {
    "fxi": tuple((name, slice(None)) for name in ("img_tomo", "img_bkg", "img_dark")),
    "dataexchange": tuple((f"exchange/{name}", slice(None)) for name in ("data", "data_white", "data_dark")),
    "nxtomo": (
        ("entry/instrument/detector/data", slice(N_DARKS + N_FLATS, None)),
        ("entry/instrument/detector/data", slice(N_DARKS, N_DARKS + N_FLATS)),
        ("entry/instrument/detector/data", slice(0, N_DARKS)),
    ),
}
"""Where plain h5py finds projections, flats and darks: dataset and frames."""


def main() -> int:
    """Run all cases; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    table = Table("layout", "rows", "MB", "xanesmap ms", "h5py ms", "speed of h5py")
    passed = True
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder)):
            tomogram = open_scan(case.scan).tomograms[0]
            for n_rows in SLAB_ROWS:
                ours, theirs = best_times(tomogram, case.plain, n_rows=n_rows, rounds=arguments.rounds)
                n_bytes = 2 * (N_ANGLES + N_FLATS + N_DARKS) * n_rows * SHAPE[1]
                cells = (n_rows, f"{n_bytes / 1e6:.1f}", f"{1e3 * ours:.2f}", f"{1e3 * theirs:.2f}")
                table.add_row(case.name, *map(str, cells), f"{theirs / ours:.2f}")
                is_judged = case.is_judged and n_bytes >= LEAST_BYTES
                passed &= not is_judged or theirs / ours >= LEAST_SPEED
    Console(width=120).print(table)
    print("passed" if passed else f"FAILED: wanted {LEAST_SPEED:g} x plain h5py from {LEAST_BYTES:,} bytes")
    return 0 if passed else 1


@dataclass(frozen=True)
class Case:
    """A scan of one energy, and what reads the same rows plainly."""

    name: str
    scan: Path
    plain: Callable[[slice], object]
    is_judged: bool = True


def cases(folder: Path) -> Iterator[Case]:
    """Scans of one energy in each layout."""
    tomogram = noisy_tomogram()
    for format in DATASETS:
        path = write_in(folder / format, tomogram, format)
        yield Case(format, path, partial(plain_rows, DATASETS[format], path))
    whole = partial(plain_rows, DATASETS["fxi"], folder / "fxi" / scan_file_name(0, format="fxi"))
    path = write_in(folder / "frame chunks", tomogram, "fxi")
    in_frame_chunks(path)
    yield Case("fxi, a chunk a frame", path, partial(plain_rows, DATASETS["fxi"], path))
    for name, link in (("external links", link_frames), ("virtual datasets", map_frames)):
        path = write_in(folder / name, tomogram, "fxi")
        elsewhere(path, link)
        yield Case(f"fxi, {name}", path, partial(plain_rows, DATASETS["fxi"], path))
    path = write_als832(folder / "als832", tomogram)
    yield Case("als832, a dataset a frame", path, partial(plain_datasets, path))
    yield Case("tiff, many pages", write_in(folder / "tiff", tomogram, "tiff").parent, whole)
    path = write_in(folder / "packed", tomogram, "tiff")
    in_single_pages(path, tomogram)
    yield Case("tiff, single pages", path.parent, whole)
    paths = write_single_frames(folder / "frames", tomogram)
    yield Case("  same, as many HDF5 files", path.parent, partial(plain_frames, paths), is_judged=False)


def noisy_tomogram() -> ArrayTomogram:
    """A tomogram in memory; what it shows does not matter for speed."""
    rng = np.random.default_rng(0)
    frames = (rng.integers(100, 4000, (number, *SHAPE), dtype=np.uint16) for number in (N_ANGLES, N_FLATS, N_DARKS))
    projections, flats, darks = frames
    return ArrayTomogram(
        projections=projections,
        flats=flats,
        darks=darks,
        energy_ev=7112.0,
        angles_rad=np.deg2rad(np.arange(N_ANGLES, dtype=np.float64)),
        pixel_size_nm=40.0,
        time_s=1.7e9,
    )


def write_in(folder: Path, tomogram: Tomogram, format: WrittenFormat) -> Path:
    """Write a tomogram into a folder of its own."""
    folder.mkdir()
    path = folder / scan_file_name(0, format=format)
    write_tomogram(path, tomogram, format=format, index=0)
    return path


def in_frame_chunks(path: Path) -> None:
    """Store the projections anew with one chunk per frame, as detectors write them."""
    with h5py.File(path, "a") as file:
        projections = file["img_tomo"][()]
        del file["img_tomo"]
        file.create_dataset("img_tomo", data=projections, chunks=(1, *SHAPE))


def plain_rows(datasets: tuple[Reading, Reading, Reading], path: Path, rows: slice) -> list[np.ndarray]:
    """Rows of projections, flats and darks as h5py gives them."""
    with h5py.File(path) as file:
        return [file[name][frames, rows] for name, frames in datasets]


def elsewhere(path: Path, refer: Callable[[h5py.File, str, h5py.Dataset], object]) -> None:
    """Move the frames into a file beside, and refer to them there."""
    raw = path.rename(path.with_name("raw.dat"))
    with h5py.File(path, "w") as file, h5py.File(raw) as stored:
        for name, dataset in stored.items():
            if dataset.ndim == 3:
                refer(file, name, dataset)
            else:
                stored.copy(name, file)


def link_frames(file: h5py.File, name: str, dataset: h5py.Dataset) -> None:
    """Refer by an external link."""
    file[name] = h5py.ExternalLink(Path(dataset.file.filename).name, dataset.name)


def map_frames(file: h5py.File, name: str, dataset: h5py.Dataset) -> None:
    """Refer by a virtual dataset."""
    layout = h5py.VirtualLayout(shape=dataset.shape, dtype=dataset.dtype)
    layout[...] = h5py.VirtualSource(Path(dataset.file.filename).name, dataset.name, shape=dataset.shape)
    file.create_virtual_dataset(name, layout)


def in_single_pages(path: Path, tomogram: ArrayTomogram) -> None:
    """Put folders of single-page files in the place of the multi-page files of an energy."""
    for place, frames in (
        (path.with_suffix(""), tomogram.projections),
        ("flats", tomogram.flats),
        ("darks", tomogram.darks),
    ):
        (path.parent / place).mkdir()
        for number, frame in enumerate(frames):
            tifffile.imwrite(path.parent / place / f"{number:04d}.tif", frame)
    (path.parent / "energies.csv").write_text(f"name,energy_ev\n{path.stem},7112.0\n")
    path.with_name(f"{path.stem}_angles.csv").rename(path.with_name("angles.csv"))
    for packed in path.parent.glob("*.tif"):
        packed.unlink()


def write_als832(folder: Path, tomogram: ArrayTomogram) -> Path:
    """One file of ALS 8.3.2, with a dataset for every frame."""
    folder.mkdir()
    path = folder / "scan.h5"
    settings = {"nangles": str(N_ANGLES), "arange": "180", "pxsize": "0.00004", "Mono_Energy": "7112"}
    with h5py.File(path, "w") as file:
        group = file.create_group("scan")
        group.attrs.update({name: text.encode() for name, text in settings.items()})
        for kind, frames in (("", tomogram.projections), ("bak", tomogram.flats), ("drk", tomogram.darks)):
            for number, frame in enumerate(frames):
                group[f"a{kind}_0000_{number:04d}.tif"] = frame[None]
    return path


def plain_datasets(path: Path, rows: slice) -> np.ndarray:
    """Rows of the datasets of one group, frame by frame, the file opened once."""
    stack = np.empty((N_ANGLES + N_FLATS + N_DARKS, rows.stop - rows.start, SHAPE[1]), dtype=np.uint16)
    with h5py.File(path) as file:
        group = file["scan"]
        for number, name in enumerate(group):
            stack[number] = group[name][0, rows]
    return stack


def write_single_frames(folder: Path, tomogram: ArrayTomogram) -> list[Path]:
    """HDF5 files of one frame each."""
    folder.mkdir()
    paths = []
    for number, frame in enumerate((*tomogram.projections, *tomogram.flats, *tomogram.darks)):
        paths.append(folder / f"{number:04d}.h5")
        with h5py.File(paths[-1], "w") as file:
            file["frame"] = frame
    return paths


def plain_frames(paths: list[Path], rows: slice) -> np.ndarray:
    """Rows of frames in files of their own."""
    stack = np.empty((len(paths), rows.stop - rows.start, SHAPE[1]), dtype=np.uint16)
    for number, path in enumerate(paths):
        with h5py.File(path) as file:
            file["frame"].read_direct(stack, np.s_[rows], np.s_[number])
    return stack


def best_times(
    tomogram: Tomogram, plain: Callable[[slice], object], *, n_rows: int, rounds: int
) -> tuple[float, float]:
    """Best time in s of a slab read through the tomogram and plainly, in turns; one round to warm up."""
    best = [np.inf, np.inf]
    starts = np.arange(rounds + 1) * n_rows % (tomogram.n_rows - n_rows + 1)
    for number, first in enumerate(starts.tolist()):
        jobs = (partial(tomogram.read_rows, first, first + n_rows), partial(plain, slice(first, first + n_rows)))
        for which in (0, 1) if number % 2 else (1, 0):
            start = time.perf_counter()
            jobs[which]()
            if number:
                best[which] = min(best[which], time.perf_counter() - start)
    return best[0], best[1]


if __name__ == "__main__":
    sys.exit(main())
