"""A finished result: lazy maps with coordinates and units, and numbers drawn from them."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.phasemap.storage.added_maps import AddedMaps
from xanesmap.phasemap.storage.destination import own_attributes, partial_path, previous_path
from xanesmap.phasemap.storage.layers import FORMAT_VERSION, LAYERS, OPTIONAL_LAYERS, PER_LENGTH, layer_named
from xanesmap.phasemap.storage.lazy_layers import layer_array, optional_array

Block = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSummary:
    """What one phase label holds."""

    name: str
    voxels: int
    volume_um3: float
    mean_fraction: tuple[float, ...]
    """Fraction of the absorbing atoms of this label in every phase; NaN where there are no voxels."""
    standard_error: tuple[float, ...]
    """Standard error of those means for independent voxels. Neighbouring voxels of a tomogram share noise,
    so this is a lower bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSummary:
    """Volume and mean composition of every phase label."""

    phases: tuple[str, ...]
    rows: tuple[PhaseSummary, ...]

    def table(self) -> tuple[list[str], list[list[str | int | float]]]:
        """Header with units, and one row per label, ready for ``ResultWriter.add_table``."""
        header = ["label", "voxels", "volume (um^3)"]
        for phase in self.phases:
            header += [f"mean fraction {phase}", f"standard error {phase} (independent voxels)"]
        return header, [_cells(row) for row in self.rows]


def _cells(row: PhaseSummary) -> list[str | int | float]:
    pairs = zip(row.mean_fraction, row.standard_error, strict=True)
    return [row.name, row.voxels, row.volume_um3, *(value for pair in pairs for value in pair)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PhaseMap(AddedMaps):
    """A phase map on disk. Maps are read when their values are used.

    Every map is an `xarray.DataArray` over Dask, with coordinates ``phase`` (names) or ``energy`` (eV) and
    ``z``, ``y``, ``x`` (um, of the voxel centres, from 0), and attributes ``units`` and ``long_name``.
    """

    path: Path
    fraction: xr.DataArray
    """(phase, z, y, x) fraction of the absorbing atoms; sums to 1, not clipped, NaN outside the mask."""
    fraction_sigma: xr.DataArray
    """(phase, z, y, x) one standard deviation, by noise and by the detail that voxels lose at fronts."""
    amount: xr.DataArray
    """(z, y, x) edge step of all phases in 1/um; in 1, as its unit says, where `attenuation_unit` is 1."""
    amount_sigma: xr.DataArray
    """(z, y, x) one standard deviation in 1/um, statistical."""
    residual: xr.DataArray
    """(z, y, x) R-factor of the fit."""
    mask: xr.DataArray
    """(z, y, x) 1 inside the sample, 0 outside."""
    phase_labels: xr.DataArray
    """(z, y, x) 0 outside, then the phases in order, last mixed; names in `label_names`."""
    particle_labels: xr.DataArray | None
    """(z, y, x) particle numbers, 0 outside; None where particles were not separated."""
    pore_labels: xr.DataArray | None
    """(z, y, x) closed pores, with the number of the particle around them; None where particles were not separated."""
    mu: xr.DataArray | None
    """(energy, z, y, x) attenuation in 1/um; None where it was not kept."""
    chi_square: xr.DataArray | None
    """(z, y, x) reduced chi-square of the fit; None in results without it."""
    assessment: xr.DataArray | None
    """(z, y, x) verdict on the fit, numbers of `xanesmap.spectra.assessment.Assessment`; None in results without it."""
    fraction_sigma_counting: xr.DataArray | None = None
    """(phase, z, y, x) one standard deviation by counting statistics alone; None in results where `fraction_sigma` is
    nothing but noise."""
    phases: tuple[str, ...]
    label_names: tuple[str, ...]
    """Names of the phase labels 1, 2, ..."""
    energies_ev: NDArray[np.float64]
    pixel_size_um: float
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Root attributes: provenance, configuration, run times (``docs/store.md``)."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the run warned of."""
        return tuple(self.attributes.get("warnings", ()))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels (z, y, x)."""
        z, y, x = self.mask.shape
        return z, y, x

    def levels(self, name: str) -> tuple[zarr.Array[Any], ...]:
        """Arrays of a layer, finest first: the pyramid for a viewer.

        Parameters
        ----------
        name
            Name of the layer, such as ``fraction`` or ``phase_labels``.

        Raises
        ------
        DataError
            The result does not hold that layer.
        """
        group = self.path / layer_named(name).path
        if not group.is_dir():
            message = f"result '{self.path}' holds no {name}; it was not kept when the result was made"
            raise DataError(message)
        paths = sorted(group.glob("s[0-9]"))
        return tuple(zarr.open_array(path, mode="r", zarr_format=3) for path in paths)

    def has(self, name: str) -> bool:
        """Whether the result holds a layer of that name."""
        return (self.path / layer_named(name).path / "s0").is_dir()

    def noise_levels(self) -> tuple[zarr.Array[Any], ...]:
        """Pyramid of the part of `fraction_sigma` that is noise, for means and weights: fronts are no noise."""
        return self.levels("fraction_sigma" if self.fraction_sigma_counting is None else "fraction_sigma_counting")

    def spectrum(self, z: int, y: int, x: int) -> NDArray[np.float32]:
        """(energy,) attenuation of one voxel in 1/um, read from disk.

        Parameters
        ----------
        z, y, x
            Index of the voxel.

        Raises
        ------
        DataError
            mu was not kept, or the voxel lies outside the volume.
        """
        inside = all(0 <= index < n for index, n in zip((z, y, x), self.shape, strict=True))
        if not inside:
            message = f"voxel (z, y, x) = {(z, y, x)} lies outside the volume {self.shape} of '{self.path}'"
            raise DataError(message)
        return np.asarray(self.levels("mu")[0][:, z, y, x], dtype=np.float32)

    def phase_volumes_um3(self) -> dict[str, float]:
        """Volume of each phase label in um^3, counted voxel by voxel."""
        counts = np.zeros(len(self.label_names) + 1, dtype=np.int64)
        labels = self.levels("phase_labels")[0]
        for block in self.blocks():
            counts += np.bincount(np.asarray(labels[block]).ravel(), minlength=counts.size)
        return {name: int(n) * self.pixel_size_um**3 for name, n in zip(self.label_names, counts[1:], strict=True)}

    def summary(self) -> ResultSummary:
        """Voxels, volume and mean fractions of each phase label; reads the maps once, block by block.

        Fractions are of the absorbing atoms, so voxels count by what they hold: at the rim of a particle a voxel holds
        next to nothing, and its fraction is mostly noise.
        """
        n_labels = len(self.label_names) + 1
        counts, atoms = np.zeros(n_labels), np.zeros(n_labels)
        sums = np.zeros((2, len(self.phases), n_labels))
        labels, fraction, amounts = (self.levels(name)[0] for name in ("phase_labels", "fraction", "amount"))
        sigma = self.noise_levels()[0]
        for block in self.blocks():
            label = np.asarray(labels[block]).ravel()
            if not label.any():
                continue
            counts += np.bincount(label, minlength=n_labels)
            amount = np.asarray(amounts[block], np.float64).ravel()
            atoms += np.bincount(label, amount, minlength=n_labels)
            for phase in range(len(self.phases)):
                values = amount * np.asarray(fraction[(phase, *block)]).ravel()
                variances = (amount * np.asarray(sigma[(phase, *block)]).ravel()) ** 2
                sums[0, phase] += np.bincount(label, values, minlength=n_labels)
                sums[1, phase] += np.bincount(label, variances, minlength=n_labels)
        return ResultSummary(phases=self.phases, rows=self._summary_rows(counts, atoms, sums))

    def _summary_rows(self, counts: NDArray[Any], atoms: NDArray[Any], sums: NDArray[Any]) -> tuple[PhaseSummary, ...]:
        divisor = np.where(counts > 0, atoms, np.nan)
        means, errors = sums[0] / divisor, np.sqrt(sums[1]) / divisor
        return tuple(
            PhaseSummary(
                name=name,
                voxels=int(counts[value]),
                volume_um3=float(counts[value]) * self.pixel_size_um**3,
                mean_fraction=tuple(means[:, value].tolist()),
                standard_error=tuple(errors[:, value].tolist()),
            )
            for value, name in enumerate(self.label_names, start=1)
        )

    def blocks(self, *, rows: int = 256, columns: int = 1024) -> Iterator[Block]:
        """Blocks (z, y, x) that cover the volume along chunk borders, one chunk high.

        Parameters
        ----------
        rows, columns
            Largest extent of a block in y and x: at the default, 64 slices of float32 take 64 MiB.
        """
        steps = (self.levels("mask")[0].chunks[0], rows, columns)
        starts = (range(0, n, step) for n, step in zip(self.shape, steps, strict=True))
        for corner in itertools.product(*starts):
            z, y, x = (slice(start, start + step) for start, step in zip(corner, steps, strict=True))
            yield z, y, x

    @property
    def attenuation_unit(self) -> str:
        """Unit of `mu` and of the amounts: `1/um`, or `1` for the optical depth of 2-D images."""
        return str(self.attributes.get("attenuation_unit", PER_LENGTH))

    def __repr__(self) -> str:
        voxels = " x ".join(map(str, self.shape))
        extent = " x ".join(f"{n * self.pixel_size_um:.3g}" for n in self.shape)
        energies = f"{self.energies_ev.size} from {self.energies_ev[0]:.1f} to {self.energies_ev[-1]:.1f} eV"
        version = self.attributes.get("xanesmap_version", "of unknown version")
        lines = [
            f"PhaseMap '{self.path}'",
            f"  phases    {', '.join(self.phases)}",
            f"  volume    {voxels} voxels (z, y, x) of {self.pixel_size_um:g} um: {extent} um",
            f"  energies  {energies} (mu {'not kept' if self.mu is None else 'kept'})",
            f"  made      {self.attributes.get('finished')} by xanesmap {version}",
            f"  warnings  {len(self.warnings)}",
        ]
        return "\n".join(lines)


def open_result(path: str | Path) -> PhaseMap:
    """Open a finished result without reading its maps.

    Parameters
    ----------
    path
        A result of `xanesmap run`, a folder ending in ``.zarr``.

    Returns
    -------
    PhaseMap
        Lazy maps with coordinates and units.

    Raises
    ------
    DataError
        Nothing there, no result of ours, not finished, damaged, or written by a newer program.
    """
    path = Path(path)
    attributes = _checked_attributes(path)
    try:
        maps = {
            layer.name: layer_array(path, layer, attributes) for layer in LAYERS if layer.name not in OPTIONAL_LAYERS
        }
        optional = {name: optional_array(path, name, attributes) for name in OPTIONAL_LAYERS}
    except (OSError, ValueError, KeyError) as error:
        message = f"result '{path}' is damaged: {error}; make it again"
        raise DataError(message) from error
    return PhaseMap(
        path=path,
        phases=tuple(attributes["phases"]),
        label_names=tuple(attributes["phase_labels"]),
        energies_ev=np.asarray(attributes["energies_ev"], dtype=np.float64),
        pixel_size_um=float(attributes["pixel_size_um"]),
        attributes=MappingProxyType(attributes),
        fraction_sigma_counting=optional["fraction_sigma_counting"],
        mu=optional["mu"],
        particle_labels=optional["particle_labels"],
        pore_labels=optional["pore_labels"],
        chi_square=optional["chi_square"],
        assessment=optional["assessment"],
        **maps,
    )


def _checked_attributes(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise DataError(_missing_message(path))
    attributes = own_attributes(path)
    if attributes is None:
        message = f"'{path}' is not a result of xanesmap (no 'xanesmap' attributes in its zarr.json)"
        raise DataError(message)
    if attributes.get("kind") == "alignment":
        message = f"'{path}' is an alignment, not a phase map; give it to a run: xanesmap run SCAN --alignment {path}"
        raise DataError(message)
    found = attributes.get("format_version")
    if not isinstance(found, int) or found > FORMAT_VERSION:
        message = (
            f"result '{path}' has store format {found}; this xanesmap reads up to {FORMAT_VERSION}: install "
            "a newer xanesmap"
        )
        raise DataError(message)
    if attributes.get("status") != "finished":
        status = attributes.get("status")
        message = f"result '{path}' is not finished (status '{status}'); wait for its run, or run again"
        raise DataError(message)
    return attributes


def _missing_message(path: Path) -> str:
    message = f"result '{path}' does not exist"
    if previous_path(path).exists():
        return f"{message}; an interrupted run left it at '{previous_path(path)}': rename that folder back"
    if partial_path(path).exists():
        return f"{message} yet; a run is writing it at '{partial_path(path)}' or was interrupted"
    return f"{message}; give the folder that 'xanesmap run --out' wrote"
