"""How sharp a reconstruction is, noise not counted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xanesmap.reconstruct.alignment.cross_spectrum import cross_spectrum

FloatArray = NDArray[np.floating[Any]]

# Details down to this many voxels. The gradient weights power by the square of the frequency, so that beyond, where
# little of an object is left, it would measure chance: the standard error falls elevenfold from 2 voxels to 4.
_FINEST_VOXELS = 4.0


def sharpness(first: FloatArray, second: FloatArray, *, voxel_um: float, finest_um: float | None = None) -> float:
    """Root-mean-square gradient of what two half volumes share, over its standard deviation.

    The energy of the gradient over the variance is a classical measure of focus, indifferent to scale and offset. Of
    one reconstruction it would rise with noise, which misalignment makes more of; here powers are those common to
    two halves of the frames, to which independent noise and artefacts add nothing on average:

        sharpness = sqrt( sum (2 pi f)^2 Re(F1 F2*) / sum Re(F1 F2*) )

    Compare values of the same region, energy and voxel only: they depend on what there is to see. What is fixed on the
    detector makes rings in both halves and counts as detail.

    Parameters
    ----------
    first, second
        `(z, y, x)` from two halves of the frames, any unit.
    voxel_um
        Edge of a voxel, um.
    finest_um
        Period of the finest details counted, um; None: 4 voxels.

    Returns
    -------
    Sharpness, 1/um; 0 where the halves have nothing in common. A Gaussian spot of standard deviation s has
    `sqrt(3 / 2) / s`.

    Raises
    ------
    DataError
        Volumes that differ in shape, are not three-dimensional, or hold values that are not finite.

    References
    ----------
    Groen, Young and Ligthart, Cytometry 6, 81 (1985), doi:10.1002/cyto.990060202, for gradient and variance as measures
    of focus; Saxton and Baumeister, J. Microsc. 127, 127 (1982), doi:10.1111/j.1365-2818.1982.tb00405.x, for the
    common part of two noisy averages.
    """
    spectrum = cross_spectrum(first, second, voxel_um=voxel_um)
    finest = _FINEST_VOXELS * voxel_um if finest_um is None else finest_um
    counted = spectrum.frequency_per_um <= 1 / finest
    common = spectrum.cross[counted]
    steep = (2 * np.pi * spectrum.frequency_per_um[counted]) ** 2 * common
    if common.sum() <= 0 or steep.sum() <= 0:
        return 0.0
    return float(np.sqrt(steep.sum() / common.sum()))
