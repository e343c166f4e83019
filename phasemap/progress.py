"""How a long job tells how far it is."""

from typing import Protocol


class Progress(Protocol):
    """Called with the name of the stage, the steps done and the steps of the stage."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take note."""


def no_progress(stage: str, done: int, total: int) -> None:
    """Say nothing."""
    del stage, done, total
