"""A tomogram held in memory, for what is simulated or computed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xanesmap.reconstruct.scan import CountArray, Frames


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrayTomogram:
    """One energy of a scan in memory.

    The attributes that are not listed are those of :class:`~xanesmap.reconstruct.scan.Tomogram`.

    Attributes
    ----------
    projections, flats, darks
        `(angle, v, u)`, `(flat, v, u)` and `(dark, v, u)` counts.
    """

    projections: CountArray
    flats: CountArray
    darks: CountArray
    energy_ev: float
    angles_rad: NDArray[np.float64]
    pixel_size_nm: float | None = None
    time_s: float | None = None
    binning: int | None = None
    source: Path = Path("memory")
    notes: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Number of detector rows (axis v)."""
        return int(self.projections.shape[1])

    @property
    def n_columns(self) -> int:
        """Number of detector columns (axis u)."""
        return int(self.projections.shape[2])

    @property
    def n_flats(self) -> int:
        """Number of flat frames."""
        return int(self.flats.shape[0])

    @property
    def n_darks(self) -> int:
        """Number of dark frames."""
        return int(self.darks.shape[0])

    def read_rows(self, start: int, stop: int) -> Frames:
        """Detector rows start to stop - 1 of all projections, flats and darks."""
        return Frames(
            projections=self.projections[:, start:stop],
            flats=self.flats[:, start:stop],
            darks=self.darks[:, start:stop],
            source=str(self.source),
            first_row=start,
        )

    def read_references(self) -> tuple[CountArray, CountArray]:
        """Flats `(flat, v, u)` and darks `(dark, v, u)` of the whole detector."""
        return self.flats, self.darks

    def read_projection(self, index: int) -> CountArray:
        """One raw projection, `(v, u)`."""
        return np.asarray(self.projections[index])
