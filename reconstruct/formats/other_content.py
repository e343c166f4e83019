"""HDF5 files that are known but are no tomography scan: what they are, and what can be done with them."""

from collections.abc import Callable
from pathlib import Path

import h5py

from xanesmap.reconstruct.formats.dataexchange import is_energy_stack
from xanesmap.reconstruct.formats.hdf5 import look_up, member_names, open_hdf5

REGISTERED_3D = "registration_results/reg_results/registered_xanes3D"
REGISTERED_2D = "registration_results/reg_results/registered_xanes2D"

STACK_USE = (
    "It has no rotation angles; 'xanesmap run', 'fit' and 'info' map such images as they are, in projection: give the "
    "file by itself"
)
REGISTERED_STACK_USE = (
    "It has no rotation angles, so no phase map can be made of it; -ln of its mean over a region, saved as two columns "
    "(energy in eV, attenuation), can serve as a reference. For a phase map give the tomography scans"
)
VOLUME_USE = (
    "'xanesmap run', 'fit' and 'info' take such volumes, without raw frames beside them: give their files or folder by "
    "themselves, or a pattern for the raw frames"
)


def describe_content(path: Path) -> str:
    """Say what an HDF5 file is, if it is no tomography scan.

    Parameters
    ----------
    path
        HDF5 file that no reader of scans recognises.

    Returns
    -------
    Sentences on what it holds and what to do, beginning with a lower-case letter, without a full stop at the end.

    Raises
    ------
    DataError
        The file cannot be read as HDF5.
    """
    with open_hdf5(path) as file:
        for tell in _KINDS:
            told = tell(file, path)
            if told is not None:
                return told
        names = member_names(file)
    held = ", ".join(names[:20]) + (" ..." if len(names) > 20 else "")
    return f"not a tomography scan; the file holds {held or 'nothing'}. Check the path"


def is_known(path: Path) -> bool:
    """Whether an HDF5 file is of a kind that is recognised, though it is no tomography scan."""
    with open_hdf5(path) as file:
        return any(tell(file, path) is not None for tell in _KINDS)


def _fxi_stack(file: h5py.File, path: Path) -> str | None:
    if "img_xanes" not in member_names(file):
        return None
    n_energies = _length(file, "img_xanes", path=path)
    return f"a 2-D XANES stack of {n_energies} flat-corrected images, not a tomography scan. {STACK_USE}"


def _exchange_stack(file: h5py.File, path: Path) -> str | None:
    """Stacks of APS 32-ID `(energy, y, x)` and of MANTiS `(x, y, energy)`: energies, but no angles."""
    if not is_energy_stack(file, path=path):
        return None
    n_energies = _length(file, "exchange/energy", path=path)
    return f"a 2-D XANES stack at {n_energies} energies, not a tomography scan. {STACK_USE}"


def _registered_volumes(file: h5py.File, path: Path) -> str | None:
    for name, kind in ((REGISTERED_3D, "reconstructed volumes"), (REGISTERED_2D, "2-D XANES images")):
        if look_up(file, name, path=path) is not None:
            n_energies = _length(file, name, path=path)
            use = VOLUME_USE if name == REGISTERED_3D else REGISTERED_STACK_USE
            return f"{kind} at {n_energies} energies, registered by TXM-Sandbox, not a tomography scan. {use}"
    return None


def _reconstructed_volume(file: h5py.File, path: Path) -> str | None:
    """What pyxas writes as `recon_scan_<id>.h5` and `ali_recon_<id>.h5`."""
    del path
    if not {"img", "X_eng"} <= set(member_names(file)):
        return None
    return f"a volume reconstructed at one energy (as pyxas writes it), not a tomography scan. {VOLUME_USE}"


def _length(file: h5py.File, name: str, *, path: Path) -> str:
    found = look_up(file, name, path=path)
    shape = getattr(found, "shape", None)
    return str(shape[0]) if shape else "an unknown number of"


_KINDS: tuple[Callable[[h5py.File, Path], str | None], ...] = (
    _fxi_stack,
    _exchange_stack,
    _registered_volumes,
    _reconstructed_volume,
)
