"""A store that is put together beside its place and renamed into it when it is finished, or thrown away."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from xanesmap.phasemap.storage.destination import create_partial, discard, put_in_place, writing


class UnfinishedStore(ABC):
    """Use it in a ``with`` statement and call `finish` as the last thing in it.

    When the block is left by an error or without that, the place is as it was.

    Parameters
    ----------
    path
        Where the store shall be.
    n_bytes
        Bytes it may need, for messages about a full disk.
    what
        What it is, for messages.
    """

    def __init__(self, path: Path, *, n_bytes: int = 0, what: str) -> None:
        self.path = path
        self.n_bytes = n_bytes
        self._what = what
        self._finished = False

    @abstractmethod
    def _begin(self) -> None:
        """Make the first files in the empty folder."""

    def __enter__(self) -> Self:
        self._partial = create_partial(self.path)
        try:
            with writing(self.path, self.n_bytes):
                self._begin()
        except BaseException:
            discard(self._partial)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._finished:
            return
        discard(self._partial)
        if kind is None:
            message = f"{self._what} '{self.path}' was not finished: call finish() at the end of the with block"
            raise RuntimeError(message)

    def _put_in_place(self) -> None:
        """Rename the finished store into its place."""
        put_in_place(self._partial, self.path)
        self._finished = True
