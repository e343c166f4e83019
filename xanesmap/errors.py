"""The two errors a user of xanesmap has to know.

Their text says what was asked, what was found and what to do, and names the file and the dataset. The command
line prints it without a traceback and exits with code 2.
"""


class DataError(ValueError):
    """The input (a file, a folder, a configuration) cannot be used as it is."""


class FitError(ValueError):
    """The spectra or references do not determine the quantities asked for."""


class MismatchError(DataError):
    """Frames that do not show the same object as the others."""
