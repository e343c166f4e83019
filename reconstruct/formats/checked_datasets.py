"""Datasets that were checked once, and are opened again without following their links anew.

Finding a dataset with care costs as much as reading a megabyte of it. What is found depends on nothing but the files
crossed on the way: as long as each is the very file that was checked, and nobody wrote into it, neither the links nor
the chunks can have changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py

from xanesmap.reconstruct.formats.hdf5 import find_on_trail
from xanesmap.reconstruct.formats.hdf5_links import FileState, Trail, file_of, file_state, open_file, state_at


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a dataset was found."""

    home: Path
    name: str
    start: FileState
    crossed: Mapping[Path, FileState]


class CheckedDatasets:
    """Datasets of one file that were checked, and the states of all files that decide about them; safe in threads."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}

    def find(self, file: h5py.File, name: str, *, path: Path) -> h5py.Dataset:
        """Dataset of a file, never from outside its folder, and checked again only when a file has changed.

        Parameters
        ----------
        file
            Open file, always the same one.
        name
            Name of the dataset from the root of the file, with slashes where it lies in groups.
        path
            Where the file is, for messages and to tell what lies outside its folder.

        Returns
        -------
        The dataset, unread.

        Raises
        ------
        DataError
            There is no such dataset, its values were not written, or they are kept outside the folder of the file.
        """
        # Taken before the check, so that whatever is written meanwhile counts as a change.
        start = file_state(file)
        place = self._places.get(name)
        if place is not None and place.start == start and (found := _open_again(file, place)) is not None:
            return found
        trail = Trail(path=path, asked=name)
        found = find_on_trail(file, name, trail)
        place = _place_of(found, start, trail)
        if place is not None:
            self._places[name] = place
        return found


def _open_again(file: h5py.File, place: _Place) -> h5py.Dataset | None:
    """The dataset at a place, or None where a file crossed on the way is not what it was."""
    if any(state_at(path) != state for path, state in place.crossed.items()):
        return None
    if place.home not in place.crossed:
        return _dataset(file, place.name)
    other = open_file(place.home)
    return _dataset(other, place.name) if file_state(other) == place.crossed[place.home] else None


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """What is known to be a dataset; h5py itself would first find out what a name stands for, in twice the time."""
    return h5py.Dataset(h5py.h5d.open(file.id, name.encode("utf-8", "surrogateescape")))


def _place_of(found: h5py.Dataset, start: FileState | None, trail: Trail) -> _Place | None:
    """Where a dataset can be opened without following links; None where no state of files decides about that."""
    crossed = {path: state for path, state in trail.files.items() if state is not None}
    home = file_of(found)
    if start is None or len(crossed) < len(trail.files) or home not in (trail.path, *crossed):
        return None
    return _Place(home=home, name=found.name, start=start, crossed=crossed)
