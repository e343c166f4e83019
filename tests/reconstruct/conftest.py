"""Shapes with exact line integrals, shared by the tests of everything that reconstructs."""

import struct

import numpy as np
import pytest


class Discs:
    """Uniform discs `(radius, x, y, value)` in pixels about the house axis."""

    def __init__(self, *discs):
        self.discs = discs

    def sinogram(self, angles, n_u, centre):
        """Line integrals averaged over each detector pixel."""
        columns = np.arange(n_u) + (np.arange(16)[:, None] - 7.5) / 16
        total = np.zeros((len(angles), n_u))
        for radius, x, y, value in self.discs:
            axis = centre + x * np.cos(angles) - y * np.sin(angles)
            offset = columns[:, None, :] - axis[None, :, None]
            total += value * 2 * np.sqrt(np.clip(radius**2 - offset**2, 0, None)).mean(axis=0)
        return total.astype(np.float32)

    def inside(self, n, index, *, margin):
        """Mask of the pixels at least `margin` inside disc `index` (outside all discs for index None)."""
        y, x = np.mgrid[:n, :n] - (n - 1) / 2
        distance = [np.hypot(x - cx, y - cy) - radius for radius, cx, cy, _ in self.discs]
        if index is None:
            return (np.min(distance, axis=0) > margin) & (np.hypot(x, y) < 0.45 * n)
        return distance[index] < -margin


@pytest.fixture
def asymmetric_discs():
    """Three discs that no mirror image or rotation maps onto themselves, scaled to `n` pixels."""

    def make(n):
        return Discs(
            (0.14 * n, 0.2 * n, 0.05 * n, 1.0),
            (0.09 * n, -0.15 * n, 0.2 * n, 2.0),
            (0.08 * n, -0.1 * n, -0.25 * n, 0.5),
        )

    return make


END_OF_CHAIN, FREE, FAT_SECTOR = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


class OleWriter:
    """Writes compound files (MS-CFB version 3, 512 byte sectors) of named streams, to read them back in tests."""

    def __init__(self, streams, *, fragment_seed=None):
        self.sectors, self.fat = [], []
        self.streams = streams
        self.rng = None if fragment_seed is None else np.random.default_rng(fragment_seed)

    def content(self):
        """The bytes of the file."""
        small = {name: data for name, data in self.streams.items() if len(data) < 4096}
        mini, mini_fat, mini_starts = b"", [], {}
        for name, data in small.items():
            mini_starts[name] = len(mini) // 64 if data else END_OF_CHAIN
            count = -(-len(data) // 64)
            mini_fat += [len(mini) // 64 + i + 1 for i in range(count - 1)] + [END_OF_CHAIN] * (count > 0)
            mini += data.ljust(count * 64, b"\0")
        large = {name: data for name, data in self.streams.items() if name not in small}
        starts = self._place(large) | mini_starts
        mini_start = self._append(mini)
        mini_fat_start = self._append(struct.pack(f"<{len(mini_fat)}I", *mini_fat))
        directory_start = self._append(self._directory(starts, mini_start, len(mini)))
        n_fat = 1
        while n_fat * 128 < len(self.sectors) + n_fat:
            n_fat += 1
        fat_sectors = list(range(len(self.sectors), len(self.sectors) + n_fat))
        fat = self.fat + [FAT_SECTOR] * n_fat
        fat += [FREE] * (n_fat * 128 - len(fat))
        header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
        header += struct.pack(
            "<9I", 0, n_fat, directory_start, 0, 4096, mini_fat_start, len(mini_fat) // 128 + 1, END_OF_CHAIN, 0
        )
        header += struct.pack("<109I", *(fat_sectors + [FREE] * (109 - n_fat)))
        return header + b"".join(self.sectors) + struct.pack(f"<{len(fat)}I", *fat)

    def _append(self, data):
        if not data:
            return END_OF_CHAIN
        first, count = len(self.sectors), -(-len(data) // 512)
        self.sectors += [data[512 * i : 512 * (i + 1)].ljust(512, b"\0") for i in range(count)]
        self.fat += [*range(first + 1, first + count), END_OF_CHAIN]
        return first

    def _place(self, streams):
        """Sectors of the large streams: one after the other, or scattered among each other."""
        if self.rng is None:
            return {name: self._append(data) for name, data in streams.items()}
        counts = {name: -(-len(data) // 512) for name, data in streams.items()}
        total = sum(counts.values())
        places = self.rng.permutation(total)
        self.sectors, self.fat = [b""] * total, [END_OF_CHAIN] * total
        starts, used = {}, 0
        for name, data in streams.items():
            mine = places[used : used + counts[name]].tolist()
            used += counts[name]
            starts[name] = mine[0]
            for i, place in enumerate(mine):
                self.sectors[place] = data[512 * i : 512 * (i + 1)].ljust(512, b"\0")
                self.fat[place] = mine[i + 1] if i + 1 < len(mine) else END_OF_CHAIN
        return starts

    def _directory(self, starts, mini_start, mini_size):
        folders = sorted({name.split("/")[0] for name in self.streams if "/" in name})
        ids = {name: number for number, name in enumerate([*folders, *sorted(self.streams)], start=1)}
        entries = {0: ["Root Entry", 5, FREE, FREE, FREE, mini_start, mini_size]}
        for name, number in ids.items():
            is_folder = name in folders
            size = 0 if is_folder else len(self.streams[name])
            start = 0 if is_folder else starts[name]
            entries[number] = [name.split("/")[-1], 1 if is_folder else 2, FREE, FREE, FREE, start, size]

        def tree(numbers):
            if not numbers:
                return FREE
            middle = len(numbers) // 2
            entries[numbers[middle]][2:4] = tree(numbers[:middle]), tree(numbers[middle + 1 :])
            return numbers[middle]

        def key(number):
            return len(entries[number][0]), entries[number][0].upper()

        top = [ids[name] for name in folders] + [ids[name] for name in self.streams if "/" not in name]
        entries[0][4] = tree(sorted(top, key=key))
        for folder in folders:
            kids = [ids[name] for name in self.streams if name.startswith(f"{folder}/")]
            entries[ids[folder]][4] = tree(sorted(kids, key=key))
        return b"".join(self._entry(*entries[number]) for number in range(len(entries)))

    def _entry(self, name, kind, left, right, child, start, size):
        text = name.encode("utf-16-le")
        entry = text.ljust(64, b"\0") + struct.pack("<HBB3I", len(text) + 2, kind, 1, left, right, child)
        return entry + bytes(36) + struct.pack("<IQ", start, size)


@pytest.fixture
def write_ole():
    """Write a compound file of named streams."""

    def write(path, streams, *, fragment_seed=None):
        path.write_bytes(OleWriter(streams, fragment_seed=fragment_seed).content())
        return path

    return write


@pytest.fixture
def write_xrm(write_ole):
    """Write an Xradia file: images `(image, v, u)` and the metadata the reader uses; `extra` streams replace others."""

    def write(path, images, *, energies=(7112.0,), angles=(0.0,), reference=None, extra=None, fragment_seed=None):
        images = np.asarray(images)
        kind = {"u2": 5, "f4": 10}[images.dtype.str[1:]]
        shape = images.shape[-2:]
        integers = {
            "NoOfImages": len(images),
            "ImagesTaken": len(images),
            "ImageHeight": shape[0],
            "ImageWidth": shape[1],
        }
        streams = {
            f"ImageInfo/{name}": struct.pack("<i", value) for name, value in (integers | {"DataType": kind}).items()
        }
        reals = {"Energy": energies, "Angles": angles, "PixelSize": (0.0325,), "ExpTimes": (1.0,) * len(images)}
        streams |= {f"ImageInfo/{name}": np.asarray(value, "<f4").tobytes() for name, value in reals.items()}
        streams["ImageInfo/Date"] = b"11/08/15 11:58:08\0\0\0"
        for i, image in enumerate(images):
            streams[f"ImageData{i // 100 + 1}/Image{i + 1}"] = image.tobytes()
        if reference is not None:
            streams["ReferenceData/DataType"] = struct.pack("<i", kind)
            streams["ReferenceData/ExpTime"] = struct.pack("<f", 1.0)
            streams["ReferenceData/Image"] = np.asarray(reference, images.dtype).tobytes()
        streams |= extra or {}
        kept = {name: data for name, data in streams.items() if data is not None}
        return write_ole(path, kept, fragment_seed=fragment_seed)

    return write
