"""The exact truth of a simulated scan: written beside the scan, where no reader of scans looks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xanesmap.errors import DataError
from xanesmap.reconstruct.simulator.phantom import KINDS, Kind

FloatArray = NDArray[np.floating[Any]]

CREATOR = "xanesmap simulation"

_UNITS = {
    "energies_ev": "eV",
    "true_energies_ev": "eV",
    "angles_deg": "deg",
    "shift_px": "px",
    "centre_px": "px",
    "magnification": "1",
    "lamp": "1",
    "photons": "1",
    "fraction": "1",
    "amount": "1/um",
    "occupancy": "1",
    "particle": "",
    "mask": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a simulated scan was made of.

    A point of the undisturbed image at detector position `x` (v or u) appears in frame (energy, angle) at
    `c + m (x - c) + d` with `c = (n - 1) / 2` the middle of the detector, `m` the magnification and `d` the
    `displacement_px`.

    Attributes
    ----------
    phases
        Names of the phases, in the order of the first axis of `fraction`.
    kinds
        Kind of particle 1, 2, ...
    fraction
        `(phase, z, y, x)` float32 fraction of the iron atoms in each phase; NaN outside the mask.
    amount
        `(z, y, x)` float32 edge step of all phases, 1/um.
    occupancy
        `(phase, z, y, x)` float32 volume fraction times relative density of each dense phase.
    particle
        `(z, y, x)` int32 particle number, 0 outside.
    mask
        `(z, y, x)` bool: voxels at least half full.
    energies_ev
        `(energy,)` photon energies as recorded in the files, eV.
    true_energies_ev
        `(energy,)` photon energies which the sample saw, eV.
    angles_deg
        `(angle,)` degrees.
    shift_px
        `(energy, angle, 2)` displacement (v, u) of every frame without that of the rotation axis, pixels.
    centre_px
        `(energy,)` detector column of the rotation axis, pixels.
    magnification
        `(energy,)` relative to the undisturbed image.
    lamp
        `(energy, angle)` intensity of every projection relative to the start of the scan without flicker.
    photons
        `(energy, angle)` photons per pixel of every projection without the sample, mean over the detector.
    configuration
        All settings of the simulation, its seed and the files it wrote.
    """

    phases: tuple[str, ...]
    kinds: tuple[Kind, ...]
    fraction: FloatArray
    amount: FloatArray
    occupancy: FloatArray
    particle: NDArray[np.int32]
    mask: NDArray[np.bool_]
    energies_ev: FloatArray
    true_energies_ev: FloatArray
    angles_deg: FloatArray
    shift_px: FloatArray
    centre_px: FloatArray
    magnification: FloatArray
    lamp: FloatArray
    photons: FloatArray
    configuration: Mapping[str, Any]

    @property
    def displacement_px(self) -> FloatArray:
        """`(energy, angle, 2)` displacement (v, u) of every frame, the rotation axis included, pixels."""
        n_columns = self.particle.shape[-1]
        total = self.shift_px.copy()
        total[..., 1] += (self.centre_px - (n_columns - 1) / 2)[:, None]
        return total

    def interior(self, kind: Kind, *, erosion: int = 2) -> NDArray[np.bool_]:
        """Voxels of all particles of one kind, away from surfaces and pores.

        Parameters
        ----------
        kind
            One of "core-shell", "LiFePO4", "FePO4", "mixed".
        erosion
            Layers of voxels (6-connected) taken off.

        Returns
        -------
        `(z, y, x)` bool.

        Raises
        ------
        DataError
            If there is no such kind.
        """
        if kind not in KINDS:
            message = f"particles of kind {kind!r} were asked for; there are {', '.join(KINDS)}"
            raise DataError(message)
        numbers = [number for number, name in enumerate(self.kinds, start=1) if name == kind]
        inside: NDArray[np.bool_] = np.isin(self.particle, numbers)
        return ndimage.binary_erosion(inside, iterations=erosion) if erosion > 0 else inside


def write_truth(path: Path, truth: Truth) -> None:
    """Write the truth of a simulated scan as one HDF5 file.

    Parameters
    ----------
    path
        File to write; an existing one is replaced.
    truth
        What to write. Every dataset carries its unit as attribute `units`.
    """
    with h5py.File(path, "w") as file:
        file.attrs["creator"] = CREATOR
        file.attrs["configuration"] = json.dumps(truth.configuration)
        for name, unit in _UNITS.items():
            values = np.asarray(getattr(truth, name))
            stored = values.astype(np.uint8) if values.dtype == bool else values
            compression = "gzip" if values.ndim >= 3 else None
            dataset = file.create_dataset(name, data=stored, compression=compression, shuffle=compression is not None)
            dataset.attrs["units"] = unit
        text = h5py.string_dtype()
        file.create_dataset("phases", data=list(truth.phases), dtype=text)
        file.create_dataset("kinds", data=list(truth.kinds), dtype=text)


def load_truth(path: str | Path) -> Truth:
    """Read the truth of a simulated scan.

    Parameters
    ----------
    path
        The folder of the simulated scan, or its `truth/truth.h5`.

    Returns
    -------
    Truth

    Raises
    ------
    DataError
        If there is no such file, or it was not written by the simulation.
    """
    file_path = truth_path(Path(path)) if Path(path).is_dir() else Path(path)
    try:
        with h5py.File(file_path, "r") as file:
            return _read(file)
    except (OSError, KeyError, ValueError) as error:
        message = (
            f"the truth of a simulated scan was looked for in {file_path}: {error}; "
            "give the folder that `simulate` wrote, or its truth/truth.h5"
        )
        raise DataError(message) from error


def truth_path(folder: Path) -> Path:
    """Where the truth of the simulated scan in a folder lies.

    Parameters
    ----------
    folder
        Folder of the scan.

    Returns
    -------
    Path, whether or not it is there.
    """
    return folder / "truth" / "truth.h5"


def _read(file: h5py.File) -> Truth:
    values: dict[str, Any] = {name: file[name][()] for name in _UNITS}
    values["mask"] = values["mask"].astype(bool)
    values |= {name: tuple(file[name].asstr()[()]) for name in ("phases", "kinds")}
    values["configuration"] = json.loads(file.attrs["configuration"])
    return Truth(**{field.name: values[field.name] for field in fields(Truth)})
