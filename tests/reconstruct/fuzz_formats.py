"""Damaged, hostile and merely odd HDF5 scan files: each must be read or refused in one of our sentences.

`benchmarks/fuzz_readers.py` runs thousands in processes of their own; the tests run a few of each kind in place.
"""

import ctypes
import json
import os
import resource
import select
import struct
import time
import traceback
import zlib
from pathlib import Path

import h5py
import numpy as np

from xanesmap.errors import DataError
from xanesmap.reconstruct.array_tomogram import ArrayTomogram
from xanesmap.reconstruct.formats.scan_writer import write_tomogram
from xanesmap.reconstruct.inspection import inspect_scan
from xanesmap.reconstruct.readers import open_scan
from xanesmap.reconstruct.volumes.opening import open_volumes
from xanesmap.reconstruct.volumes.recognition import holds_volumes
from xanesmap.reconstruct.volumes.report import inspect_volumes

LIMIT_S = 2.0
"""Processor time of this process and those it waited for: the machine may be busy."""
LIMIT_WAITING_S = 10.0
LIMIT_BYTES = 500 * 2**20
FORMATS = ("fxi", "dataexchange", "nxtomo", "mantis", "als832", "pyxas", "registered")
VOLUME_FORMATS = ("pyxas", "registered")
SHAPE = (10, 4, 6)  # (angle, v, u)
HUGE_CHUNK = (10, 2**13, 2**13)
IN_OPEN = 0x20


def write_volumes(path, format):
    """Write reconstructed volumes of two energies, the second of pyxas into a file of its own."""
    volumes = np.random.default_rng(1).normal(0.1, 0.01, (2, *SHAPE)).astype(np.float32)
    if format == "registered":
        with h5py.File(path, "w") as file:
            group = file.create_group("registration_results/reg_results")
            group["registered_xanes3D"], group["eng_list"] = volumes, [7.1, 7.13]
        return
    for place, volume, energy_kev in zip((path, path.with_name("second.h5")), volumes, (7.1, 7.13), strict=True):
        with h5py.File(place, "w") as file:
            file["img"], file["X_eng"] = volume, energy_kev


def write_valid(path, format):
    """Write a small scan of one energy, or of two for MANTiS and volumes."""
    if format in VOLUME_FORMATS:
        write_volumes(path, format)
        return
    rng = np.random.default_rng(1)
    if format == "mantis":
        with h5py.File(path, "w") as file:
            file["implements"], file["version"] = "information:exchange:spectromicroscopy", "1.0"
            file["exchange/data"] = rng.poisson(300, (6, 4, 2, 10)).astype(np.float32)
            file["exchange/data"].attrs["axes"] = "x:y:energy:theta"
            file["exchange/energy"] = [7100.0, 7130.0]
            file["exchange/energy"].attrs["units"] = "ev"
            file["exchange/theta"] = np.linspace(0, 170, 10)
            file["exchange/theta"].attrs["units"] = "degrees"
            file["spectromicroscopy/normalization/white_spectrum"] = [900.0, 910.0]
        return
    if format == "als832":
        with h5py.File(path, "w") as file:
            settings = {"nangles": "10", "arange": "180", "pxsize": "0.000645", "Mono_Energy": "19999.6"}
            file.create_group("scan").attrs.update({name: value.encode() for name, value in settings.items()})
            for kind, n, mean in (("", 10, 500), ("bak", 2, 900), ("drk", 2, 90)):
                for number in range(n):
                    file[f"scan/a{kind}_0000_{number:04d}.tif"] = rng.poisson(mean, (1, 4, 6)).astype(np.uint16)
        return
    tomogram = ArrayTomogram(
        projections=rng.poisson(500, SHAPE).astype(np.uint16),
        flats=rng.poisson(900, (3, *SHAPE[1:])).astype(np.uint16),
        darks=rng.poisson(90, (2, *SHAPE[1:])).astype(np.uint16),
        energy_ev=7112.0,
        angles_rad=np.deg2rad(np.linspace(0, 171, SHAPE[0])),
        pixel_size_nm=40.0,
        time_s=1.7e9,
    )
    write_tomogram(path, tomogram, format=format, index=0)


def dataset_names(path):
    names = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def replace(path, name, value=None, **options):
    """Put something else in the place of a dataset; nothing where neither value nor options are given."""
    with h5py.File(path, "a") as file:
        if name in file:
            del file[name]
        if options:
            file.create_dataset(name, data=value, **options)
        elif value is not None:
            file[name] = value


def stored(path, name):
    with h5py.File(path) as file:
        value = file[name][()]
    return value if isinstance(value, np.ndarray) else np.asarray(value)


def truncate(rng, path, name):
    content = path.read_bytes()
    path.write_bytes(content[: int(rng.integers(0, len(content)))])


def flip_bytes(rng, path, name):
    content = bytearray(path.read_bytes())
    for position in rng.integers(0, len(content), int(rng.integers(1, 30))):
        content[position] = int(rng.integers(0, 256))
    path.write_bytes(bytes(content))


def other_type(rng, path, name):
    shape = stored(path, name).shape
    compound = np.zeros(shape, dtype=[("a", "f4"), ("b", "i8")])
    others = [np.zeros(shape, t) for t in ("S7", "c16", "?", "f2", "i1", "u8", ">f8", "V5")]
    choices = [*others, compound, h5py.Empty("f8"), "seven", b"\xff\xfe", np.full(shape, b"7.1")]
    replace(path, name, choices[int(rng.integers(len(choices)))])


def other_rank(rng, path, name):
    value = stored(path, name)
    ranks = [value[None], value[..., None], value.reshape(-1), value.reshape(-1)[:1], value.reshape(-1)[:0]]
    ranks += [value.reshape(-1)[0], np.stack([value, value]), value.reshape((1,) * 20 + value.shape)]
    replace(path, name, ranks[int(rng.integers(len(ranks)))])


def text_for_number(rng, path, name):
    texts = ["", "n/a", "7.112 keV", "1e999", "-5", "\u0661", "x" * 10**6, "nan", "0x10"]
    replace(path, name, texts[int(rng.integers(len(texts)))])


def absurd_size(rng, path, name):
    dtype = ("u2", "f4", "f8", "S100")[int(rng.integers(4))]
    shapes = [(10, 2**20, 2**20), (2**40,), (2**30, 4, 6), (10, 4, 2**33), (0,), (10, 0, 6), (2**62,), (2**16,) * 3]
    shape = shapes[int(rng.integers(len(shapes)))]
    if rng.random() < 0.5:
        replace(path, name, shape=shape, dtype=dtype)
    else:
        replace(path, name, shape=shape, dtype=dtype, chunks=True, maxshape=(None,) * len(shape))


def huge_chunk(rng, path, name):
    """A chunk that is small on disk and would take gigabytes in memory."""
    dtype = ("u2", "f4")[int(rng.integers(2))]
    chunk = HUGE_CHUNK if rng.random() < 0.7 else (10**8,)
    shape = ((10, 4, 6), HUGE_CHUNK)[int(rng.integers(2))] if len(chunk) == 3 else (10,)
    images = {"shape": shape, "dtype": dtype, "chunks": chunk, "maxshape": (None,) * len(shape), "compression": "gzip"}
    with h5py.File(path, "a") as file:
        del file[name]
        data = file.create_dataset(name, **images)
        if rng.random() < 0.7:
            data.id.write_direct_chunk((0,) * len(shape), zlib.compress(bytes(2**20)))


def circular_link(rng, path, name):
    other = path.with_name("other.h5")
    kind = int(rng.integers(5))
    if kind == 0:
        replace(path, name, h5py.SoftLink(f"/{name}"))
    elif kind == 1:
        replace(path, name, h5py.ExternalLink(path.name, f"/{name}"))
    elif kind == 2:
        replace(path, name, h5py.ExternalLink(other.name, "/there"))
        with h5py.File(other, "w") as file:
            file["there"] = h5py.ExternalLink(path.name, f"/{name}")
    elif kind == 3:
        replace(path, name, h5py.SoftLink(f"/{name}/{name}/{name}"))
    else:
        replace(path, name)
        with h5py.File(path, "a") as file:
            layout = h5py.VirtualLayout(shape=SHAPE, dtype="u2")
            layout[...] = h5py.VirtualSource(path if rng.random() < 0.5 else ".", name, shape=SHAPE)
            file.create_virtual_dataset(name, layout)


def outside_link(rng, path, name):
    """A dataset, or a group on the way to it, that is kept in another folder."""
    outside = path.parent.parent / "outside" / "secret.h5"
    targets = [str(outside), "../outside/secret.h5", f"../{path.parent.name}/../outside/secret.h5", "link.h5"]
    target = targets[int(rng.integers(len(targets)))]
    if target == "link.h5":
        path.with_name(target).symlink_to(outside)
    kind = int(rng.integers(6))
    if kind == 0:
        replace(path, name, h5py.ExternalLink(target, f"/{name}"))
    elif kind == 1:
        top = name.split("/")[0]
        replace(path, top, h5py.ExternalLink(target, f"/{top}"))
    elif kind == 2:
        with h5py.File(path, "a") as file:
            del file[name]
            layout = h5py.VirtualLayout(shape=SHAPE, dtype="u2")
            layout[...] = h5py.VirtualSource(target, name, shape=SHAPE)
            file.create_virtual_dataset(name, layout)
    elif kind == 3:
        # HDF5 opens the sources of a dataset without limits already when it is asked for the shape.
        with h5py.File(path, "a") as file:
            del file[name]
            layout = h5py.VirtualLayout(shape=SHAPE, dtype="u2", maxshape=(None, *SHAPE[1:]))
            taken = h5py.VirtualSource(target, name, shape=SHAPE, maxshape=(None, *SHAPE[1:]))
            layout[: h5py.h5s.UNLIMITED] = taken[: h5py.h5s.UNLIMITED]
            file.create_virtual_dataset(name, layout)
    elif kind == 4:
        size = int(np.prod(SHAPE)) * 2
        replace(path, name, shape=SHAPE, dtype="u2", external=[(str(outside), 0, size)])
    else:
        with h5py.File(path.with_name("door.h5"), "w") as file:
            file["room"] = h5py.ExternalLink(target, "/")
        replace(path, name, h5py.ExternalLink("door.h5", f"/room/{name}"))


def lost(rng, path, name):
    replace(path, name)
    with h5py.File(path, "a") as file:
        kind = int(rng.integers(4))
        if kind == 1:
            file.create_group(name)
        elif kind == 2:
            file[name] = h5py.SoftLink("/gone")
        elif kind == 3:
            file[name] = h5py.ExternalLink("gone.h5", "/gone")


def odd_values(rng, path, name):
    value = stored(path, name)
    if value.dtype.kind not in "iuf":
        text_for_number(rng, path, name)
        return
    values = [np.nan, np.inf, -np.inf, -1.0, 0.0, 1e308, 71.12, 5e-324, -7112.0]
    changed = value.astype(np.float64)
    where = rng.random(changed.shape) < rng.random()
    replace(path, name, np.where(where, values[int(rng.integers(len(values)))], changed))


def other_count(rng, path, name):
    value = stored(path, name).reshape(-1) if stored(path, name).ndim == 0 else stored(path, name)
    more = np.concatenate([value, value[:1]])
    replace(path, name, (value[:-1], more, value[:1])[int(rng.integers(3))])


def odd_attribute(rng, path, name):
    values = ["furlong", b"\xff\xfe", "", np.zeros(5000), h5py.Empty("f8"), 3.5, "rad", "keV", "x:x:x", "eV", "m"]
    with h5py.File(path, "a") as file:
        attribute = ("units", "axes", "NX_class", "energy")[int(rng.integers(4))]
        file[name].attrs[attribute] = values[int(rng.integers(len(values)))]


def no_hdf5(rng, path, name):
    contents = (b"", b"moved to tape", b"\x89HDF\r\n\x1a\n", os.urandom(2000), b"\x89HDF\r\n\x1a\n" + os.urandom(500))
    path.write_bytes(contents[int(rng.integers(len(contents)))])


MUTATIONS = (
    truncate,
    flip_bytes,
    other_type,
    other_rank,
    text_for_number,
    absurd_size,
    huge_chunk,
    circular_link,
    outside_link,
    lost,
    odd_values,
    other_count,
    odd_attribute,
    no_hdf5,
)


def mutate(folder, format, seed):
    """Write a scan and damage it; return the file and the names of what was done to it."""
    rng = np.random.default_rng([seed, FORMATS.index(format)])
    for name in ("scan", "outside"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    path = folder / "scan" / "fuzzed.h5"
    write_valid(path, format)
    (folder / "outside" / "secret.h5").write_bytes(path.read_bytes())
    done = []
    for _ in range(1 if rng.random() < 0.8 else 2):
        mutation = MUTATIONS[int(rng.integers(len(MUTATIONS)))]
        try:
            names = dataset_names(path)
            mutation(rng, path, names[int(rng.integers(len(names)))])
            done.append(mutation.__name__)
            if mutation in (truncate, flip_bytes, no_hdf5):
                break  # nothing more can be written into such a file
        except (OSError, KeyError, RuntimeError, ValueError, IndexError, TypeError, MemoryError):
            break  # what is damaged already may not take a second damage
    return path, done


class OpenWatch:
    """Notices whether any file of a folder is opened (Linux inotify), by HDF5 as well as by Python."""

    def __init__(self, folder):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._number = self._libc.inotify_init()
        self._libc.inotify_add_watch(self._number, str(folder).encode(), IN_OPEN)

    def opened(self):
        """Names of the files opened, and stop watching."""
        names = []
        while select.select([self._number], [], [], 0)[0]:
            events = os.read(self._number, 4096)
            while events:
                _, _, _, length = struct.unpack_from("iIII", events)
                names.append(events[16 : 16 + length].rstrip(b"\0").decode())
                events = events[16 + length :]
        os.close(self._number)
        return [name for name in names if name]


def read_all(path):
    """Do with a file whatever a user may do with a scan, or with volumes; "read" or the sentence it is refused with."""
    second = path.with_name("second.h5")
    source = [path, second] if second.exists() else [path]
    try:
        if holds_volumes(source):
            volumes = open_volumes(source)
            volumes.read_slices(0, min(2, volumes.shape[1]))
            inspect_volumes(volumes)
            return "read"
        scan = open_scan(path)
        for tomogram in scan.tomograms:
            tomogram.read_rows(0, min(2, tomogram.n_rows))
            tomogram.read_references()
            tomogram.read_projection(0)
        inspect_scan(scan)
    except DataError as error:
        return str(error)
    return "read"


def busy_s():
    """Processor time of this process and of those it waited for, in seconds."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def verdict(path):
    """What is wrong with how a file is treated: an error not in our words, time, a file elsewhere opened; or None."""
    watch = OpenWatch(path.parent.parent / "outside")
    start, busy = time.perf_counter(), busy_s()
    try:
        told = read_all(path)
    except Exception:
        watch.opened()
        return f"no sentence of ours: {traceback.format_exc(limit=-3)}"
    waited = time.perf_counter() - start
    # a helper that ends here brings the work it did for earlier files too: at most what all cores can do is of this one
    worked = min(busy_s() - busy, waited * (os.cpu_count() or 1))
    if opened := watch.opened():
        return f"opened {opened} outside the folder: {told}"
    if worked > LIMIT_S or waited > LIMIT_WAITING_S:
        return f"took {worked:.1f} s of work in {waited:.1f} s: {told}"
    if "\n" in told or len(told) > 1500 or (told != "read" and path.name not in told):
        return f"not one line that names the file: {told!r}"
    return None


def resident_bytes(peak):
    """Memory of this process: its peak since the last reset, or what it has now."""
    field = "VmHWM" if peak else "VmRSS"
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def in_process(work):
    """Lines that `work` gives in a process of its own, until it ends or crashes, and the status of that process."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        try:
            for line in work():
                os.write(send, f"{line[:4000]}\n".encode())
        finally:
            os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        lines = pipe.read().decode(errors="replace").splitlines()
    return lines, os.waitpid(child, 0)[1]


def limit_cpu():
    """End this process once it has worked for another ten seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 10, hard))


def judge_all(paths):
    """As `verdict` of each file: one JSON text with the fault, the time taken and the growth of memory."""
    for path in paths:
        limit_cpu()
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        before, start = resident_bytes(peak=False), busy_s()
        fault = verdict(path)
        seconds = busy_s() - start
        grown = resident_bytes(peak=True) - before
        if grown > LIMIT_BYTES:
            fault = f"took {grown / 2**20:.0f} MiB: {fault or 'no other fault'}"
        yield json.dumps([fault, seconds, grown])


def verdicts_in_process(paths):
    """As `judge_all`, in a process that may crash, hang or run out of memory, and is replaced when it does."""
    judged = []
    while len(judged) < len(paths):
        waiting = paths[len(judged) :]
        lines, status = in_process(lambda waiting=waiting: judge_all(waiting))
        judged += [json.loads(line) for line in lines]
        if len(lines) < len(waiting):
            judged.append([f"the process ended with status {status}", 0.0, 0])
    return judged


def mutate_in_process(folder, format, seed):
    """As `mutate`, in a process of its own: HDF5 may crash on writing into a file that is damaged already."""
    lines, _ = in_process(lambda: ["+".join(mutate(folder, format, seed)[1])])
    return folder / "scan" / "fuzzed.h5", lines[0].split("+") if lines else []
