"""A battery electrode whose composition is known exactly: the object of the simulated scans.

Five irregular particles lie apart from one another: two with a LiFePO4 core and an FePO4 shell, one of pure
LiFePO4, one of pure FePO4 and one uniform mixture in which half of the iron belongs to each phase. All have
pores and a density that varies by a few percent.

Surfaces are level sets, sampled on a grid finer than the detector's: a fine voxel cut by a surface is filled
by its signed distance from it, so the object has no stair steps and its projections are accurate. Detector
voxel `i` is the mean of the fine voxels `s i ... s i + s - 1`; the centre of the fine grid, `(s n - 1) / 2`,
is therefore the centre of the detector's grid, `(n - 1) / 2`, and no half pixel is left over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from xanesmap.errors import DataError

FloatArray = NDArray[np.floating[Any]]
Kind = Literal["core-shell", "LiFePO4", "FePO4", "mixed"]

PHASES: tuple[Literal["LiFePO4"], Literal["FePO4"]] = ("LiFePO4", "FePO4")
KINDS: tuple[Kind, ...] = get_args(Kind)

# Edge steps of the dense phases at the Fe K edge in 1/um (xraydb 4.5.8, Elam tables, 3.60 and 3.68 g/cm3).
# Fractions depend on their ratio only, that of the iron densities. Simulated scans take those of the spectra.
EDGE_STEPS_PER_UM = (0.0452, 0.0483)

SMALLEST_SIZE = 16
MARGIN = 0.1  # of the size of the field, left free on every side: room for shifts of the scan
GAP_PX = 2.0  # between the spheres which enclose the particles
RADII = (0.5, 0.36, 0.42, 0.42, 0.42)  # enclosing spheres, relative to the room there is
PLACED_KINDS: tuple[Kind, ...] = ("core-shell", "core-shell", "LiFePO4", "FePO4", "mixed")
TEXTURE_RELATIVE = 0.03
TEXTURE_LENGTH_PX = 2.5
PORES = 3
MODES = 4
MODE_AMPLITUDE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Phantom:
    """An object on the fine grid and its exact truth on the detector's grid.

    Attributes
    ----------
    fine
        `(phase, s z, s y, s x)` float32: volume fraction times relative density of each dense phase.
    supersampling
        Fine voxels per detector voxel along each axis, `s`.
    occupancy
        `(phase, z, y, x)` float32: mean of `fine` over each detector voxel.
    particle
        `(z, y, x)` int32: 0 outside, else the particle which fills at least half of the voxel.
    kinds
        Kind of particle 1, 2, ...
    edge_steps_per_um
        `(phase,)` edge step of each dense phase, 1/um; proportional to its density of iron atoms.
    """

    fine: FloatArray
    supersampling: int
    occupancy: FloatArray
    particle: NDArray[np.int32]
    kinds: tuple[Kind, ...]
    edge_steps_per_um: tuple[float, float]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """`(z, y, x)` voxels at least half full."""
        return self.particle > 0

    @property
    def amounts(self) -> FloatArray:
        """`(phase, z, y, x)` float32 edge step which each phase contributes, 1/um."""
        steps = np.asarray(self.edge_steps_per_um, dtype=np.float32)
        return self.occupancy * steps[:, None, None, None]

    @property
    def amount(self) -> FloatArray:
        """`(z, y, x)` float32 edge step of all phases, 1/um."""
        total: FloatArray = self.amounts.sum(axis=0)
        return total

    @property
    def fraction(self) -> FloatArray:
        """`(phase, z, y, x)` float32 fraction of the iron atoms in each phase; NaN outside the mask."""
        share = np.full_like(self.occupancy, np.nan)
        np.divide(self.amounts, self.amount, out=share, where=self.mask)
        return share


@dataclass(frozen=True, slots=True, kw_only=True)
class _Surface:
    """The surface `|A (r - c)| = 1 + sum_m a_m cos(k_m . d + phase_m)`, `d` the direction of `A (r - c)`."""

    centre: FloatArray  # (3,) z, y, x in detector pixels
    to_unit_sphere: FloatArray  # (3, 3), A
    waves: FloatArray  # (mode, 3)
    amplitudes: FloatArray  # (mode,)
    phases: FloatArray  # (mode,)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Particle:
    kind: Kind
    centre: FloatArray  # (3,)
    radius: float  # of the sphere around `centre` which encloses it, detector pixels
    outline: _Surface
    core: _Surface
    pores: tuple[_Surface, ...]


def block_average(volume: FloatArray, factor: int) -> FloatArray:
    """Mean over cubes of `factor` voxels a side.

    Parameters
    ----------
    volume
        `(..., factor z, factor y, factor x)`.
    factor
        Voxels averaged along each of the last three axes.

    Returns
    -------
    `(..., z, y, x)`, same unit and type.
    """
    sizes = [part for n in volume.shape[-3:] for part in (n // factor, factor)]
    mean: FloatArray = volume.reshape(*volume.shape[:-3], *sizes).mean(axis=(-5, -3, -1))
    return mean


def make_phantom(
    *,
    shape: tuple[int, int, int],
    seed: int,
    supersampling: int = 2,
    edge_steps_per_um: tuple[float, float] = EDGE_STEPS_PER_UM,
) -> Phantom:
    """Particles of known composition inside the reconstructed circle.

    Parameters
    ----------
    shape
        `(n_z, n_y, n_x)` detector voxels. Particles stay a tenth of the size away from the ends of z and from
        the circle inscribed in (y, x).
    seed
        Same seed, same object.
    supersampling
        Fine voxels per detector voxel along each axis.
    edge_steps_per_um
        Edge step of dense LiFePO4 and FePO4, 1/um. Their ratio sets the volumes at which the mixed particle
        has half of its iron in each phase.

    Returns
    -------
    Phantom

    Raises
    ------
    DataError
        If the volume is too small for five particles or the supersampling is below one.
    """
    _check(shape, supersampling)
    rng = np.random.default_rng([seed, 0x7068616E])  # the second number keeps this stream apart from the noise's
    fine = np.zeros((len(PHASES), *(n * supersampling for n in shape)), dtype=np.float32)
    labels = np.zeros(shape, dtype=np.int32)
    for number, particle in enumerate(_particles(shape, rng), start=1):
        box = _box(particle, shape)
        filled = _fill(particle, box, supersampling, edge_steps_per_um, rng)
        fine[:, *(slice(b.start * supersampling, b.stop * supersampling) for b in box)] += filled
        labels[box][block_average(filled.sum(axis=0), supersampling) >= 0.5] = number
    return Phantom(
        fine=fine,
        supersampling=supersampling,
        occupancy=block_average(fine, supersampling),
        particle=labels,
        kinds=PLACED_KINDS,
        edge_steps_per_um=edge_steps_per_um,
    )


def _check(shape: tuple[int, int, int], supersampling: int) -> None:
    if min(shape) < SMALLEST_SIZE:
        message = (
            f"a phantom of {shape[0]} x {shape[1]} x {shape[2]} voxels was asked for: "
            f"its particles need at least {SMALLEST_SIZE} voxels along each axis"
        )
        raise DataError(message)
    if supersampling < 1:
        message = f"supersampling {supersampling} was asked for: give 1 or more fine voxels per voxel"
        raise DataError(message)


def _room(shape: tuple[int, int, int]) -> tuple[float, float]:
    """Half height and radius, in pixels, of the cylinder which may hold particles."""
    width = min(shape[1], shape[2])
    return shape[0] * (0.5 - MARGIN), width * (0.5 - MARGIN)


def _places(shape: tuple[int, int, int], rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Centres (particle, 3) and radii (particle,) of separate enclosing spheres, largest first."""
    half_height, circle = _room(shape)
    radii = np.asarray(RADII) * min(circle, 1.4 * half_height)
    radii = np.minimum(radii, 0.9 * half_height)
    while True:
        centres = _random_centres(radii, half_height, circle, rng)
        if centres is not None:
            return centres + (np.asarray(shape) - 1) / 2, radii
        radii = radii * 0.97  # too crowded: make all of them a little smaller


def _random_centres(
    radii: FloatArray, half_height: float, circle: float, rng: np.random.Generator, tries: int = 2000
) -> FloatArray | None:
    """Random sequential placing: None when a sphere finds no free place."""
    placed: list[FloatArray] = []
    for radius in radii:
        candidates = rng.uniform(-1.0, 1.0, (tries, 3)) * (
            half_height - radius,
            circle - radius,
            circle - radius,
        )
        free = np.hypot(candidates[:, 1], candidates[:, 2]) <= circle - radius
        for other, other_radius in zip(placed, radii, strict=False):
            free &= np.linalg.norm(candidates - other, axis=1) >= radius + other_radius + GAP_PX
        if not free.any():
            return None
        placed.append(candidates[free][0])
    return np.stack(placed)


def _particles(shape: tuple[int, int, int], rng: np.random.Generator) -> Iterator[_Particle]:
    centres, radii = _places(shape, rng)
    for kind, centre, radius in zip(PLACED_KINDS, centres, radii, strict=True):
        reach = radius / (1.0 + MODES * MODE_AMPLITUDE)  # the modes may add up: never leave the enclosing sphere
        axes = reach * rng.uniform([0.8, 0.85, 1.0], [0.9, 1.0, 1.0])
        outline = _surface(centre, axes, rng)
        core = _surface(_inside(centre, axes, 0.25, rng), axes * rng.uniform(0.5, 0.85, 3), rng)
        pores = tuple(
            _surface(_inside(centre, axes, 0.6, rng), radius * rng.uniform(0.08, 0.16, 3), rng) for _ in range(PORES)
        )
        yield _Particle(kind=kind, centre=centre, radius=radius, outline=outline, core=core, pores=pores)


def _inside(centre: FloatArray, axes: FloatArray, reach: float, rng: np.random.Generator) -> FloatArray:
    """Pick a point up to `reach` times the smallest half axis away from the centre."""
    direction = rng.normal(size=3)
    length = reach * axes.min() * rng.uniform(0.5, 1.0)
    point: FloatArray = centre + direction / np.linalg.norm(direction) * length
    return point


def _surface(centre: FloatArray, half_axes: FloatArray, rng: np.random.Generator) -> _Surface:
    rotation = Rotation.random(random_state=rng).as_matrix()
    return _Surface(
        centre=centre,
        to_unit_sphere=rotation / half_axes[:, None],
        waves=rng.uniform(-4.0, 4.0, (MODES, 3)),
        amplitudes=rng.uniform(0.25, 1.0, MODES) * MODE_AMPLITUDE,
        phases=rng.uniform(0.0, 2 * np.pi, MODES),
    )


def _box(particle: _Particle, shape: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    """Whole detector voxels around the enclosing sphere."""
    low = np.maximum(np.floor(particle.centre - particle.radius).astype(int) - 1, 0)
    high = np.minimum(np.ceil(particle.centre + particle.radius).astype(int) + 2, shape)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return z, y, x


def _fill(
    particle: _Particle,
    box: tuple[slice, slice, slice],
    supersampling: int,
    edge_steps_per_um: tuple[float, float],
    rng: np.random.Generator,
) -> FloatArray:
    """(phase, fine z, y, x) float32 occupancy of one particle inside its box."""
    points = _fine_points(box, supersampling)
    spacing = 1.0 / supersampling
    depth = _signed_distance(particle.outline, points, spacing)
    solid = depth
    for pore in particle.pores:
        solid = np.minimum(solid, -_signed_distance(pore, points, spacing))
    shell_px = max(1.0, 0.08 * particle.radius)  # the thinnest the shell may get where core and outline meet
    core = np.minimum(_signed_distance(particle.core, points, spacing), depth - shell_px)
    share = _first_phase_share(particle.kind, _filled(core, spacing), edge_steps_per_um)
    mass = _filled(solid, spacing) * _texture(solid.shape, supersampling, rng)
    return np.stack([mass * share, mass * (1.0 - share)]).astype(np.float32)


def _fine_points(box: tuple[slice, slice, slice], supersampling: int) -> FloatArray:
    """(3, fine z, y, x) centres of the fine voxels in detector pixels."""
    axes = [(np.arange(b.start * supersampling, b.stop * supersampling) + 0.5) / supersampling - 0.5 for b in box]
    return np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)


def _signed_distance(surface: _Surface, points: FloatArray, spacing: float) -> FloatArray:
    """Distance from the surface in detector pixels, positive inside; first order, so exact near it."""
    offset = points - surface.centre.astype(np.float32)[:, None, None, None]
    unit = np.tensordot(surface.to_unit_sphere.astype(np.float32), offset, axes=1)  # (3, fine z, y, x)
    radius = np.sqrt((unit**2).sum(axis=0))
    direction = unit / np.maximum(radius, np.float32(1e-3))
    level = 1.0 - radius
    for wave, amplitude, phase in zip(surface.waves, surface.amplitudes, surface.phases, strict=True):
        level += np.float32(amplitude) * np.cos(np.tensordot(wave.astype(np.float32), direction, 1) + np.float32(phase))
    steepness = np.sqrt(sum(g**2 for g in np.gradient(level, spacing)))
    distance: FloatArray = level / np.maximum(steepness, np.float32(1e-4))
    return distance


def _filled(distance: FloatArray, spacing: float) -> FloatArray:
    """Part of each fine voxel on the positive side of a surface at that distance."""
    part: FloatArray = np.clip(0.5 + distance / spacing, 0.0, 1.0)
    return part


def _first_phase_share(kind: Kind, core: FloatArray, edge_steps_per_um: tuple[float, float]) -> FloatArray:
    """Share of the volume in the first phase; the mixed particle has its iron halved, not its volume."""
    first, second = edge_steps_per_um
    uniform = {"LiFePO4": 1.0, "FePO4": 0.0, "mixed": second / (first + second)}
    return core if kind == "core-shell" else np.full_like(core, uniform[kind])


def _texture(shape: tuple[int, ...], supersampling: int, rng: np.random.Generator) -> FloatArray:
    """Relative density: a smooth random field of mean 1."""
    field = ndimage.gaussian_filter(
        rng.standard_normal(shape, dtype=np.float32), TEXTURE_LENGTH_PX * supersampling, mode="wrap"
    )
    field -= field.mean()
    density: FloatArray = 1.0 + TEXTURE_RELATIVE * np.clip(field / field.std(), -3.0, 3.0)
    return density
