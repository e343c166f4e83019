"""Small simulated scans, written once per session; the object is coarse (320 nm pixels) so that its image is strong."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import h5py
import hypothesis
import numpy as np
import pytest

from xanesmap.phasemap.pipeline import map_phases
from xanesmap.phasemap.simulation import simulate_scan
from xanesmap.reconstruct.array_tomogram import ArrayTomogram
from xanesmap.reconstruct.formats.scan_writer import scan_file_name, write_tomogram
from xanesmap.reconstruct.simulator.beamline import expose_tomogram, image_phases, optical_depth, project_phases, set_up
from xanesmap.reconstruct.simulator.disturbances import draw_disturbances
from xanesmap.reconstruct.volumes.opening import REGISTERED, REGISTERED_ENERGIES
from xanesmap.spectra.background import background_columns
from xanesmap.spectra.reference import bundled_reference, sample_references

# Files that take longest, so that no process is left with one of them at the end; the first two begin with compiling
# different loops.
LONGEST_FIRST = (
    "tests/test_acceptance.py",
    "tests/reconstruct/alignment/test_projection_matching.py",
    "tests/viewers/napari_plugin/map_phases/test_widget.py",
    "tests/viewers/napari_plugin/spectrum/test_widget.py",
    "tests/viewers/test_command_line.py",
    "tests/viewers/napari_plugin/series/test_widget.py",
    "tests/viewers/napari_plugin/projections/test_widget.py",
    "tests/viewers/napari_plugin/thresholds/test_widget.py",
    "tests/viewers/napari_plugin/core_shell/test_widget.py",
    "tests/viewers/napari_plugin/test_session.py",
    "tests/viewers/napari_plugin/alignment/test_widget.py",
    "tests/viewers/test_movie_and_picture_commands.py",
    "tests/viewers/napari_plugin/test_picking.py",
    "tests/viewers/napari_plugin/test_window.py",
    "tests/phasemap/test_pipeline.py",
    "tests/phasemap/alignment/test_store.py",
    "tests/viewers/test_unlisted_phase.py",
    "tests/phasemap/test_coverage.py",
)


def pytest_collection_modifyitems(items):
    """Put the files that take longest first; the order within a file stays."""
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.nodeid.split("::")[0], len(place)))


def pytest_deselected(items):
    """Tell the process that started this one how many tests `-m` leaves out, which pytest-xdist does not."""
    config = items[0].config
    if hasattr(config, "workeroutput"):
        config.workeroutput["n_left_out"] = config.workeroutput.get("n_left_out", 0) + len(items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Count in the last line of all what each process left out: the same tests."""
    reporter = node.config.pluginmanager.get_plugin("terminalreporter")
    left_out = getattr(node, "workeroutput", {}).get("n_left_out", 0)
    reporter.stats["deselected"] = [SimpleNamespace() for _ in range(left_out)]


hypothesis.settings.register_profile("any machine", deadline=None)  # a busy one takes its time, and first calls compile
hypothesis.settings.load_profile("any machine")

SMALL = {
    "n_rows": 24,
    "n_columns": 40,
    "n_angles": 40,
    "energies_ev": (7092.0, 7110.0, 7119.0, 7124.5, 7129.0, 7133.5, 7143.0, 7180.0),
    "pixel_size_nm": 320.0,
    "photons": 2e5,
}


@pytest.fixture(autouse=True)
def level_of_messages():
    """Take back the level of the package's messages, which the command line sets for its process."""
    yield
    logging.getLogger("xanesmap").setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def small_settings():
    """Settings of `simulate_scan` that every small scan shares."""
    return dict(SMALL)


@pytest.fixture(scope="session")
def small_scan(tmp_path_factory):
    """A still scan of 8 energies and 40 angles; 24 x 40 x 40 voxels. Not to be changed: see `scan_copy`."""
    return simulate_scan(tmp_path_factory.mktemp("small") / "scan", seed=1, **SMALL)


@pytest.fixture(scope="session")
def small_result(small_scan, tmp_path_factory):
    """Phase map of the small scan, made in a single slab."""
    out = tmp_path_factory.mktemp("result") / "small.zarr"
    return map_phases(small_scan.folder, out=out, memory="500MB", threads=1)


@pytest.fixture
def scan_copy(small_scan, tmp_path):
    """Folder with the files of the small scan, to be spoiled."""
    folder = tmp_path / "scan"
    folder.mkdir()
    for file in small_scan.files:
        shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="session")
def reference_files(tmp_path_factory):
    """The two bundled references as csv files, by phase."""
    folder = tmp_path_factory.mktemp("references")
    files = {}
    for phase in ("LiFePO4", "FePO4"):
        reference = bundled_reference(phase)
        files[phase] = folder / f"{phase}.csv"
        columns = np.column_stack([reference.energies_ev, reference.values])
        np.savetxt(files[phase], columns, delimiter=",", header="energy_ev,absorption", fmt="%.10g")
    return files


@dataclass(frozen=True, kw_only=True)
class KnownVolumes:
    """Attenuation of a block of known composition, 1/um, with Gaussian noise; nothing outside a circle."""

    energies_ev: np.ndarray
    mu: np.ndarray
    """(energy, z, y, x) float32, NaN outside the circle that the slice is reconstructed in."""
    fraction: np.ndarray
    """(z, y, x) of LiFePO4; meaningful in the block."""
    block: np.ndarray
    """(z, y, x) where the block is."""
    amount_per_um: float

    def write(self, path, *, factor=1.0, unit=None):
        """As TXM-Sandbox saves it, in keV, times a factor for another unit."""
        with h5py.File(path, "w") as file:
            stored = file.create_dataset(REGISTERED, data=(self.mu * factor).astype(np.float32))
            file[REGISTERED_ENERGIES] = self.energies_ev / 1000
            if unit is not None:
                stored.attrs["units"] = unit
        return path


def known_volumes(shape=(7, 41, 52), *, n_energies=24, noise=8e-4, seed=0, spread=1.0, fill=0.6):
    """Block of pure, graded and pure composition along x, in air; noise differs by `spread` over the energies."""
    energies = np.linspace(7095.0, 7190.0, n_energies)
    references = sample_references([bundled_reference("LiFePO4"), bundled_reference("FePO4")], energies)
    z, y, x = np.meshgrid(*((np.arange(n) - (n - 1) / 2) / n for n in shape), indexing="ij")
    block = (np.abs(x) < fill / 2) & (np.abs(y) < fill / 2)
    fraction = np.clip(0.5 + 3 * x / fill, 0, 1)
    spectra = np.tensordot(references, np.stack([fraction, 1 - fraction]), axes=(0, 0))
    spectra += 0.5 * background_columns(energies)[0][:, None, None, None]
    amount = 0.06
    sigma = noise * np.geomspace(spread**-0.5, spread**0.5, n_energies)[:, None, None, None] * (1 + 0.4 * z)
    scatter = np.random.default_rng(seed).standard_normal(spectra.shape)
    mu = (np.where(block, amount * spectra, 0) + sigma * scatter).astype(np.float32)
    mu[:, np.hypot(x, y) > 0.56] = np.nan
    return KnownVolumes(energies_ev=energies, mu=mu, fraction=fraction, block=block, amount_per_um=amount)


@pytest.fixture(scope="session")
def make_volumes():
    """The function `known_volumes`."""
    return known_volumes


def write_material_scan(folder, fine, attenuation_per_um, settings, *, seed):
    """Write a still FXI scan of any materials.

    `fine` is `(material, s z, s y, s x)` on the fine grid of `settings` (`Simulation`), `attenuation_per_um`
    `(material, energy)`.
    """
    angles, energies = np.deg2rad(settings.measured_angles_deg), np.array(settings.energies_ev)
    pixel_um = settings.pixel_size_nm / 1000
    lines = project_phases(fine, angles, supersampling=settings.supersampling, pixel_size_um=pixel_um)
    images = image_phases(lines, shift_px=np.zeros((angles.size, 2)), magnification=1.0)
    drawn = draw_disturbances(
        settings.disturbances,
        energies_ev=energies,
        angles_rad=angles,
        n_columns=settings.n_columns,
        n_flats=settings.n_flats,
        seed=seed,
    )
    shape = (settings.n_rows, settings.n_columns)
    instrument = set_up(settings, settings.disturbances, drawn, shape=shape, seed=seed)
    folder.mkdir()
    for index, energy in enumerate(energies):
        depth = optical_depth(images, attenuation_per_um[:, index])
        frames = expose_tomogram(depth, instrument=instrument, energy_index=index)
        tomogram = ArrayTomogram(
            projections=frames.projections,
            flats=frames.flats,
            darks=frames.darks,
            energy_ev=float(energy),
            angles_rad=angles,
            pixel_size_nm=settings.pixel_size_nm,
            time_s=1.7e9 + 60 * index,
            source=Path(f"test-{index}"),
        )
        path = folder / scan_file_name(index, format="fxi")
        write_tomogram(path, tomogram, format="fxi", index=index, uid=f"test-{index}", note="test")
    return folder


@pytest.fixture(scope="session")
def write_scan():
    """The function `write_material_scan`."""
    return write_material_scan
