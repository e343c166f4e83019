"""Spectral projection matching and what other programs do in its place, on the same scan.

The others start with gifts. Methods that compare energies leave the frames of one energy where they are: those are set
right for them. Joint re-projection leaves whole energies where they are: so are these.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from rough_scan import RoughScan
from scipy.ndimage import gaussian_filter
from skimage.registration import phase_cross_correlation

from xanesmap.reconstruct.alignment.projection_matching import align_projections
from xanesmap.reconstruct.alignment.registration_alternatives import align_by_registration, registration_available

Images = list[np.ndarray]
Shift = Callable[[np.ndarray, np.ndarray], np.ndarray]
Found = tuple[np.ndarray, np.ndarray | None]
"""Displacement `(energy, angle, 2)`, and the fixed pattern where the method finds one."""


def registration_methods(iterations: int) -> dict[str, Callable[[RoughScan], Found]]:
    """All methods that can be run here by name; joint re-projection with so many iterations, or not at all for 0."""
    methods: dict[str, Callable[[RoughScan], Found]] = {"none, as recorded": as_recorded}
    shifts = {"phase correlation": phase_shift, "cross-correlation": cross_shift, "  of gradients": cross_shift}
    if registration_available("stackreg"):
        shifts["StackReg"] = stackreg_shift()
    for name, shift in shifts.items():
        shown = gradients if "gradients" in name else list
        methods[f"{name}, chained"] = partial(register_chain, shown=shown, shift=shift)
        methods[f"{name}, to one energy"] = partial(register_to_one, shown=shown, shift=shift)
    if iterations and registration_available("joint-reprojection"):
        methods["joint re-projection (TomoPy)"] = partial(align_jointly, iterations=iterations)
    methods["spectral projection matching (ours)"] = align_spectrally
    methods["true displacements"] = as_true
    return methods


def as_recorded(scan: RoughScan) -> Found:
    """Nothing but the rotation axis of every energy."""
    axis = scan.truth.displacement_px - scan.truth.shift_px
    return axis, None


def as_true(scan: RoughScan) -> Found:
    """The truth: what is left of the bias is not the alignment's."""
    return scan.truth.displacement_px, None


def align_spectrally(scan: RoughScan) -> Found:
    """Spectral projection matching."""
    alignment = align_projections(
        scan.projections, scan.angles_rad, spectra=scan.spectra, magnification=scan.truth.magnification
    )
    return alignment.displacement_px, alignment.pattern


def align_jointly(scan: RoughScan, *, iterations: int) -> Found:
    """TomoPy's joint re-projection energy by energy, each then moved as a whole to where it fits the truth best."""
    found = align_by_registration(
        scan.projections, scan.angles_rad, method="joint-reprojection", iterations=iterations
    ).displacement_px
    true = scan.truth.displacement_px
    circles = [np.stack([np.ones_like(a), np.cos(a), np.sin(a)], axis=1) for a in scan.angles_rad]
    for here, there, circle in zip(found, true, circles, strict=True):
        here[:, 0] += (there - here)[:, 0].mean()
        here[:, 1] += circle @ np.linalg.lstsq(circle, (there - here)[:, 1], rcond=None)[0]
    return found, None


def register_chain(scan: RoughScan, *, shown: Callable[[Images], Images], shift: Shift) -> Found:
    """Every frame registered to that at the same angle at the energy before; the first energy is given."""
    images, displacement = shown(scan.projections), scan.truth.displacement_px.copy()
    for index in range(1, len(images)):
        steps = [shift(*pair) for pair in zip(images[index - 1], images[index], strict=True)]
        displacement[index] = displacement[index - 1] + steps
    return displacement, None


def register_to_one(scan: RoughScan, *, shown: Callable[[Images], Images], shift: Shift) -> Found:
    """Every frame registered to that at the same angle at the energy with most attenuation, which is given."""
    images, displacement = shown(scan.projections), scan.truth.displacement_px.copy()
    fullest = int(np.argmax([frames.sum(dtype=np.float64) for frames in scan.projections]))
    for index in set(range(len(images))) - {fullest}:
        steps = [shift(*pair) for pair in zip(images[fullest], images[index], strict=True)]
        displacement[index] = displacement[fullest] + steps
    return displacement, None


def gradients(projections: Images) -> Images:
    """Size of the gradient of every frame, which does not tell a rise from a fall."""
    return [np.hypot(*(gaussian_filter(p, (0, 1, 1), order=o) for o in ((0, 1, 0), (0, 0, 1)))) for p in projections]


def phase_shift(reference: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Displacement by scikit-image's default: normalised phase correlation, to a hundredth of a pixel."""
    return -phase_cross_correlation(reference, moved, upsample_factor=100)[0]


def cross_shift(reference: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Displacement by plain cross-correlation, to a hundredth of a pixel."""
    return -phase_cross_correlation(reference, moved, upsample_factor=100, normalization=None)[0]


def stackreg_shift() -> Shift:
    """Displacement by StackReg's translation."""
    from pystackreg import StackReg

    registration = StackReg(StackReg.TRANSLATION)

    def shift(reference: np.ndarray, moved: np.ndarray) -> np.ndarray:
        matrix = registration.register(reference, moved)
        return np.array([matrix[1, 2], matrix[0, 2]])

    return shift
