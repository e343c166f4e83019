"""The report on a scan: plain figures, problems and a verdict, to be shown by the caller."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyReport:
    """What one file holds.

    Attributes
    ----------
    file
        Name of the file.
    energy_ev
        Recorded photon energy in eV, NaN where it is not known.
    n_angles, n_flats, n_darks
        Numbers of projections, flats and darks.
    first_angle_deg, last_angle_deg
        Lowest and highest rotation angle in degrees.
    n_rows, n_columns
        Frame shape in pixels.
    pixel_size_nm
        Pixel size in nm, or None.
    binning
        Pixels of the camera added up along a row, 1 for none, or None where the file does not say.
    time_s
        Start, seconds since 1970, or None where the file does not say.
    flat_counts
        Median counts of the flats over the darks.
    projection_counts
        Median counts of the first projection over the darks.
    saturated, dead
        Portion of saturated pixels in the flats and the projection, and of pixels without light in the flats.
    photons
        Detected photons per pixel in a flat, from photon transfer, or None with too few flats.
    photons_per_um2
        The same per um^2 of the sample: what falls on it in one projection, as far as the detector counts it. None
        without a pixel size.
    notes
        What the reader had to assume.
    """

    file: str
    energy_ev: float
    n_angles: int
    n_flats: int
    n_darks: int
    first_angle_deg: float
    last_angle_deg: float
    n_rows: int
    n_columns: int
    pixel_size_nm: float | None
    binning: int | None
    time_s: float | None
    flat_counts: float
    projection_counts: float
    saturated: float
    dead: float
    photons: float | None
    photons_per_um2: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that looks wrong: how bad it is, what was found and what to do."""

    severity: Severity
    finding: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanReport:
    """What a scan holds and what looks wrong with it.

    Attributes
    ----------
    energies
        One report per energy, energies increasing.
    edge
        Absorption edge inside the energy range, such as `Fe K`, or None.
    edge_ev
        Tabulated energy of that edge in eV, or None.
    energy_step_ev
        Median step between energies in eV, NaN for a single one.
    coverage_deg
        Angular range of the energy with the smallest, in degrees.
    missing_wedge_deg
        Largest gap of projection directions, modulo 180 degrees, beyond one usual step, in degrees.
    n_angles_crowther
        Angles that resolve one pixel at the rim of the frame: pi / 2 times the number of columns (Crowther,
        DeRosier, Klug, Proc. R. Soc. A 317, 319 (1970), doi:10.1098/rspa.1970.0119).
    photons
        Median number of detected photons per pixel of a flat, or None.
    raw_bytes, volume_bytes
        Size of all raw frames, and of one float32 volume for every energy.
    problems
        What looks wrong, worst first.
    """

    energies: tuple[EnergyReport, ...]
    edge: str | None
    edge_ev: float | None
    energy_step_ev: float
    coverage_deg: float
    missing_wedge_deg: float
    n_angles_crowther: int
    photons: float | None
    raw_bytes: int
    volume_bytes: int
    problems: tuple[Problem, ...]

    @property
    def verdict(self) -> str:
        """One sentence: whether a phase map can be made of the scan."""
        counts = {level: sum(p.severity == level for p in self.problems) for level in ("error", "warning")}
        if counts["error"]:
            return f"Not ready for a phase map: {counts['error']} problem(s) to solve first."
        if counts["warning"]:
            return f"A phase map can be made; {counts['warning']} thing(s) will limit it."
        return "Ready for a phase map."
