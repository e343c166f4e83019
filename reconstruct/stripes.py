"""Stripes in sinograms (rings in slices), removed before reconstruction by the methods in algotom."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xanesmap.errors import DataError

StripeMethod = Literal["none", "sorting", "all"]

SMALL_STRIPE = (5, 21)
LARGE_STRIPE = (9, 51)
"""Median windows in columns for small and wide stripes: least and most; 21 and 51 are the values of the
source.

They shrink with the frame (a twentieth and an eighth of its width), as a window that is not small against the
sample takes the sample for a stripe.
"""

MIN_COLUMNS = 16


def remove_stripes(values: NDArray[np.float32], *, method: StripeMethod) -> NDArray[np.float32]:
    """Attenuation without the stripes of faulty or miscalibrated detector columns.

    Removal is never free: it also takes some of any feature that stays in one column over all angles, such as
    the part of the sample on the rotation axis, and method `all` visibly flattens compact particles. Stripes
    that differ between energies bias the chemistry; use it when rings are visible.

    Parameters
    ----------
    values
        `(angle, v, u)` attenuation, no unit.
    method
        `none` returns the input; `sorting` smooths small and medium stripes (algorithm 3 of the source);
        `all` treats dead and wide stripes first (algorithms 6, 5, 4 and 3).

    Returns
    -------
    `(angle, v, u)` float32, a new array unless the method is `none`.

    Raises
    ------
    DataError
        Frames narrower than 16 columns.

    References
    ----------
    N. T. Vo, R. C. Atwood, M. Drakopoulos, Optics Express 26, 28396 (2018), doi:10.1364/OE.26.028396.
    """
    if method == "none":
        return values
    if values.shape[2] < MIN_COLUMNS:
        message = (
            f"Stripe removal '{method}' asked of frames with {values.shape[2]} columns; it needs "
            f"{MIN_COLUMNS} or more. Use method 'none'."
        )
        raise DataError(message)
    cleaned = np.empty(values.shape, dtype=np.float32)
    for row in range(values.shape[1]):
        cleaned[:, row] = _clean_sinogram(values[:, row], method)
    return cleaned


def _clean_sinogram(sinogram: NDArray[np.float32], method: Literal["sorting", "all"]) -> NDArray[np.float32]:
    # algotom takes a second to import and is only needed here.
    from algotom.prep import removal

    n_columns = sinogram.shape[1]
    small = _odd_window(n_columns // 20, SMALL_STRIPE)
    if method == "sorting":
        cleaned = removal.remove_stripe_based_sorting(sinogram, size=small)
    else:
        large = _odd_window(n_columns // 8, LARGE_STRIPE)
        cleaned = removal.remove_dead_stripe(sinogram, size=large, residual=False)
        # Without `norm`, which divides by the ratio of column means: in air that is nought over nought.
        cleaned = removal.remove_large_stripe(cleaned, size=large, norm=False)
        cleaned = removal.remove_stripe_based_sorting(cleaned, size=small)
    return np.asarray(cleaned, dtype=np.float32)


def _odd_window(size: int, limits: tuple[int, int]) -> int:
    least, most = limits
    return min(max(size, least), most) // 2 * 2 + 1
