"""What is said when a job ends without a result: the same on the command line and in a window."""

from __future__ import annotations

from dataclasses import dataclass

from xanesmap.errors import DataError, FitError

BAD_INPUT = 2
UNEXPECTED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One line for the user, and the exit code that goes with it."""

    text: str
    code: int


def failure_of(error: BaseException) -> Failure:
    """What an exception means to the user.

    Parameters
    ----------
    error
        What ended the job.

    Returns
    -------
    Failure
        Of the input (exit code 2), or of the program (exit code 1), which asks for a report.
    """
    if isinstance(error, DataError | FitError):
        text, code = f"Error: {error}", BAD_INPUT
    elif isinstance(error, MemoryError):
        text, code = "Error: out of memory. Give a smaller --memory, or --no-keep-mu.", BAD_INPUT
    else:
        told = f"Unexpected {type(error).__name__}: {error}. This is a defect; run again with --debug and report it."
        text, code = told, UNEXPECTED
    return Failure(text=" ".join(text.split()), code=code)
