"""Alignment by other programs' registration, for comparison: nothing here knows about spectra.

TomoPy and pystackreg are used where they are installed; neither is needed by anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError
from xanesmap.reconstruct.alignment.coarse import air_level
from xanesmap.reconstruct.alignment.displacement import Alignment

FloatArray = NDArray[np.floating[Any]]
RegistrationMethod = Literal["joint-reprojection", "stackreg"]

# Library each method needs, and how to get it.
_LIBRARIES: dict[RegistrationMethod, tuple[str, str]] = {
    "joint-reprojection": ("tomopy", "install TomoPy from conda-forge (environment.yml does)"),
    "stackreg": ("pystackreg", "pip install pystackreg"),
}
_UPSAMPLING = 100  # hundredths of a pixel; TomoPy's default of 10 alone would leave 0.03 px rms


def registration_available(method: RegistrationMethod) -> bool:
    """Whether the library that a method needs is installed here."""
    return find_spec(_LIBRARIES[method][0]) is not None


def align_by_registration(
    projections: Sequence[NDArray[np.float32]],
    angles_rad: Sequence[FloatArray],
    *,
    method: RegistrationMethod,
    magnification: FloatArray | None = None,
    iterations: int = 10,
) -> Alignment:
    """Displacement of every frame by registration of images.

    Parameters
    ----------
    projections
        For each energy `(angle, v, u)` line integrals; the level of air may differ from frame to frame.
    angles_rad
        For each energy `(angle,)` radians; for `stackreg` the same at all energies.
    method
        `joint-reprojection`: TomoPy's `align_joint` at every energy by itself, frames against the projection of the
        slices they make; where one energy lies against another stays unknown. `stackreg`: every frame against that at
        the same angle at the energy with the most attenuation; the frames of that energy stay where they are.
    magnification
        `(energy,)` relative to the undisturbed image; None: 1. Not used, only handed on.
    iterations
        Rounds of `joint-reprojection`.

    Returns
    -------
    Alignment. Neither method tells standard errors, frames to leave out or a fixed pattern: NaN, none and 0.

    Raises
    ------
    DataError
        The method is unknown, its library is not installed, or angles that do not suit it.

    References
    ----------
    Gursoy et al., Sci. Rep. 7, 11818 (2017), doi:10.1038/s41598-017-12141-9; Thevenaz, Ruttimann and Unser, IEEE
    Trans. Image Process. 7, 27 (1998), doi:10.1109/83.650848.
    """
    _check(projections, angles_rad, method)
    levels = [air_level(frames) for frames in projections]
    levelled = [frames - level[:, None, None] for frames, level in zip(projections, levels, strict=True)]
    if method == "stackreg":
        found = _register_energies(levelled)
    else:
        found = [
            _align_jointly(frames, np.asarray(a), iterations) for frames, a in zip(levelled, angles_rad, strict=True)
        ]
    return _as_alignment(found, levels, magnification=magnification, shape=projections[0].shape[1:])


def _check(
    projections: Sequence[NDArray[np.float32]], angles_rad: Sequence[FloatArray], method: RegistrationMethod
) -> None:
    if method not in _LIBRARIES:
        message = f"Registration {method!r} is not known. Use one of {', '.join(get_args(RegistrationMethod))}."
        raise DataError(message)
    if [len(frames) for frames in projections] != [len(angles) for angles in angles_rad]:
        message = "There are not as many angles as frames at every energy. Give one angle for each frame."
        raise DataError(message)
    if method == "stackreg" and any(not np.array_equal(angles, angles_rad[0]) for angles in angles_rad):
        message = (
            "Alignment by 'stackreg' compares frames at the same angle, but the angles differ between energies. "
            "Use spectral matching, which does not need that."
        )
        raise DataError(message)
    library, remedy = _LIBRARIES[method]
    if not registration_available(method):
        message = (
            f"Alignment by {method!r} was asked for, but {library} is not installed here. To compare with it, "
            f"{remedy}; spectral matching needs nothing more."
        )
        raise DataError(message)


def _align_jointly(
    frames: NDArray[np.float32], angles_rad: NDArray[np.float64], iterations: int
) -> NDArray[np.float64]:
    """`(angle, 2)` displacement (v, u) of the frames of one energy."""
    from tomopy.prep.alignment import align_joint

    _, along_v, along_u, _ = align_joint(
        np.array(frames, np.float32),
        angles_rad,
        iters=iterations,
        center=(frames.shape[2] - 1) / 2,
        algorithm="sirt",
        upsample_factor=_UPSAMPLING,
        debug=False,
    )
    return np.stack([along_v, along_u], axis=1).astype(np.float64)


def _register_energies(projections: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float64]]:
    """For each energy `(angle, 2)` displacement (v, u) against the energy with the most attenuation."""
    library = import_module("pystackreg")
    registration = library.StackReg(library.StackReg.TRANSLATION)
    fullest = int(np.argmax([frames.sum(dtype=np.float64) for frames in projections]))
    found = []
    for frames in projections:
        matrices = [registration.register(*pair) for pair in zip(projections[fullest], frames, strict=True)]
        # StackReg gives where, (x, y), the moving image is to be read to look like the reference
        found.append(np.array([[matrix[1, 2], matrix[0, 2]] for matrix in matrices], np.float64))
    return found


def _as_alignment(
    found: Sequence[NDArray[np.float64]],
    levels: Sequence[FloatArray],
    *,
    magnification: FloatArray | None,
    shape: tuple[int, ...],
) -> Alignment:
    n_energies, n_angles = len(found), max(len(displacement) for displacement in found)
    shift = np.full((n_energies, n_angles, 2), np.nan)
    air, kept = np.full((n_energies, n_angles), np.nan), np.zeros((n_energies, n_angles), bool)
    axis = np.array([np.median(displacement[:, 1]) for displacement in found])
    for index, (displacement, level) in enumerate(zip(found, levels, strict=True)):
        here = slice(len(displacement))
        shift[index, here] = displacement - [0.0, axis[index]]
        air[index, here], kept[index, here] = level, True
    shift[..., 0] -= np.nanmean(shift[..., 0])
    return Alignment(
        shift_px=shift,
        magnification=np.ones(n_energies) if magnification is None else np.asarray(magnification, np.float64),
        roll_rad=0.0,
        centre_px=axis + (shape[1] - 1) / 2,
        residual_px=np.full(kept.shape, np.nan),
        kept=kept,
        air_level=air,
        pattern=np.zeros((n_energies, *shape), np.float32),
        contrast=np.ones(n_energies),
    )
