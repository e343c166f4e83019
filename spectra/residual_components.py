"""What the references leave: the spectral shape that the residuals of all voxels share, and where it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xanesmap.errors import FitError
from xanesmap.spectra.combination_model import CombinationModel
from xanesmap.spectra.unmixing import principal_components

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResidualComponent:
    """Strongest shape in the residuals of a fit.

    Parameters
    ----------
    spectrum
        `(energy,)` the shape, of unit length, positive where the map is: what a phase nobody listed absorbs more than
        the references can describe.
    weights
        `(energy,)` weights of a residual in its strength.
    strength
        `(...)` how much of it each voxel holds, in the unit of the spectra.
    sigma
        Standard deviation of the strength from noise.
    eigenvalues
        `(component,)` variance of the residuals along their principal components, where noise has 1.
    noise_edge
        Eigenvalue that noise alone hardly exceeds.
    share
        Share of the variance of the residuals beyond noise that lies along this shape.
    """

    spectrum: FloatArray
    weights: FloatArray
    strength: FloatArray
    sigma: float
    eigenvalues: FloatArray
    noise_edge: float
    share: float

    @property
    def significant(self) -> bool:
        """Whether noise does not explain it."""
        return bool(self.eigenvalues[0] > self.noise_edge)


def residual_component(spectra: ArrayLike, model: CombinationModel, *, noise: ArrayLike) -> ResidualComponent:
    """Principal component of the residuals of a linear combination fit.

    Parameters
    ----------
    spectra
        `(energy, ...)` spectra, all finite: the voxels of a sample.
    model
        The model they were fitted with.
    noise
        `(energy,)` typical standard deviation of a voxel at each energy, in the unit of the spectra.

    Returns
    -------
    The component. A significant one is another phase, a wrong energy scale, misalignment or a detector artefact: its
    spectrum and its map tell which. A phase that every voxel holds to the same extent has no map; the ranked
    combinations of references show it.

    Raises
    ------
    FitError
        Spectra that do not match the model or are not finite.

    References
    ----------
    The use of residuals for missing components is that of E. R. Malinowski, Factor Analysis in Chemistry, Wiley (2002).
    """
    values, sigma = np.asarray(spectra, dtype=np.float64), np.asarray(noise, dtype=np.float64)
    if values.ndim < 2 or len(values) != len(model.design):
        message = f"spectra of shape {values.shape} were given for a model of {len(model.design)} energies."
        raise FitError(message)
    residual = model.residuals(values.reshape(len(values), -1))
    found = principal_components(residual, noise=sigma, n_lost=model.design.shape[1])
    shape = found.spectra[0]  # of unit length in units of the noise
    length = float(np.linalg.norm(shape))
    weights = shape / sigma**2 * length
    strength = weights @ residual
    # the sign of a component is arbitrary: positive where most of the strength is
    sign = 1.0 if np.mean(strength**3) >= 0 else -1.0
    beyond = np.maximum(found.eigenvalues - 1, 0)
    return ResidualComponent(
        spectrum=sign * shape / length,
        weights=sign * weights,
        strength=(sign * strength).reshape(values.shape[1:]),
        sigma=length,
        eigenvalues=found.eigenvalues,
        noise_edge=found.noise_edge,
        share=float(beyond[0] / beyond.sum()) if beyond.sum() > 0 else 0.0,
    )


def residual_strength(component: ResidualComponent, spectra: ArrayLike, model: CombinationModel) -> FloatArray:
    """How much of a residual component other spectra hold.

    Parameters
    ----------
    component
        Found in spectra of the same model.
    spectra
        `(energy, ...)` spectra.
    model
        The model.

    Returns
    -------
    `(...)` strength, in the unit of the spectra.
    """
    values = np.asarray(spectra, dtype=np.float64)
    residual = model.residuals(values.reshape(len(values), -1))
    return np.asarray(component.weights @ residual).reshape(values.shape[1:])
