"""All numbers of a simulated scan, and three sets of them with a name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from xanesmap.errors import DataError
from xanesmap.reconstruct.simulator.beamline import Beamline
from xanesmap.reconstruct.simulator.disturbances import Disturbances, measured_angles

FloatArray = NDArray[np.floating[Any]]
PresetName = Literal["small", "seed-like", "rough"]

# Before the edge; close together where the two spectra differ most (7118 to 7140 eV); after it up to 7192 eV.
CHOSEN_ENERGIES_EV = (
    *(7092.0, 7100.0, 7106.0, 7110.0, 7114.0, 7117.0, 7119.0, 7121.0, 7123.0, 7124.5, 7126.0, 7127.5),
    *(7129.0, 7130.5, 7132.0, 7133.5, 7135.5, 7138.5, 7143.0, 7149.0, 7158.0, 7168.0, 7180.0, 7192.0),
)


class Simulation(Beamline):
    """All numbers of a simulated scan; those of source and detector are inherited."""

    energies_ev: tuple[float, ...] = Field(default=CHOSEN_ENERGIES_EV, min_length=1)
    """Photon energies as they will be recorded, eV, strictly increasing."""
    n_rows: int = Field(default=64, ge=16)
    """Detector rows, and slices of the object."""
    n_columns: int = Field(default=96, ge=16)
    """Detector columns, and width and depth of the object in pixels."""
    n_angles: int = Field(default=121, ge=2)
    """Projections per energy, before a missing wedge takes some away."""
    first_angle_deg: float = 0.0
    """Angle of the first projection, degrees."""
    angular_range_deg: float = Field(default=180.0, gt=0, le=360)
    """Range of the rotation, degrees."""
    last_angle: Literal["excluded", "included"] = "excluded"
    """Whether the end of the range, at 180 degrees a mirror image of its start, is measured as well."""
    pixel_size_nm: float = Field(default=80.0, gt=0)
    """Detector pixel in the sample, nm."""
    supersampling: int = Field(default=2, ge=1, le=4)
    """Fine voxels of the object per detector pixel along each axis."""
    exposure_s: float = Field(default=0.5, gt=0)
    """Time per frame, seconds: only sets the recorded times."""
    disturbances: Disturbances = Disturbances()
    """What goes wrong."""

    @model_validator(mode="after")
    def _energies_increase(self) -> Self:
        if any(after <= before for before, after in zip(self.energies_ev, self.energies_ev[1:], strict=False)):
            message = "energies_ev must be strictly increasing"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _angles_remain(self) -> Self:
        left, wedge = self.measured_angles_deg.size, self.disturbances.missing_wedge_deg
        if left < 2:
            message = f"a missing wedge of {wedge:g} degrees leaves {left} projections, 2 are needed"
            raise ValueError(message)
        return self

    @property
    def measured_angles_deg(self) -> FloatArray:
        """`(angle,)` angles which are measured, degrees."""
        end = self.first_angle_deg + self.angular_range_deg
        full = np.linspace(self.first_angle_deg, end, self.n_angles, endpoint=self.last_angle == "included")
        return measured_angles(
            full,
            start_deg=self.first_angle_deg,
            range_deg=self.angular_range_deg,
            missing_wedge_deg=self.disturbances.missing_wedge_deg,
        )


PRESETS: Mapping[str, Simulation] = MappingProxyType(
    {
        # A still scan, small enough for tests: nothing but counting noise and a few zingers.
        "small": Simulation(disturbances=Disturbances(zinger_rate=1e-5)),
        # After Wang et al., Nat. Commun. 7, 12372 (2016), doi:10.1038/ncomms12372: -90 to +90 degrees and a
        # highest energy of 7192 eV; the steps of 2 eV and of 1 degree are a choice.
        "seed-like": Simulation(
            energies_ev=tuple(float(e) for e in range(7092, 7193, 2)),
            n_rows=112,
            n_columns=160,
            n_angles=181,
            first_angle_deg=-90.0,
            last_angle="included",
        ),
        # The small scan with everything wrong at once.
        "rough": Simulation(
            disturbances=Disturbances(
                jitter_px=1.0,
                drift_px=4.0,
                centre_shift_px=1.5,
                magnification_reference_ev=7142.0,
                fixed_pattern_relative=0.01,
                lamp_flicker_relative=0.02,
                zinger_rate=1e-5,
            )
        ),
    }
)


def simulation_settings(
    preset: PresetName = "small",
    *,
    disturbances: Disturbances | Mapping[str, float] | None = None,
    **overrides: Any,
) -> Simulation:
    """Take the settings of a preset, some of them replaced.

    Parameters
    ----------
    preset
        "small", "seed-like" or "rough".
    disturbances
        `Disturbances` in place of the preset's, or a mapping which changes some of the preset's values.
    overrides
        Any other field of `Simulation`.

    Returns
    -------
    Simulation

    Raises
    ------
    DataError
        If the preset or a setting is unknown, or a value is out of range.
    """
    if preset not in PRESETS:
        message = f"preset {preset!r} was asked for; there are {', '.join(PRESETS)}"
        raise DataError(message)
    base = PRESETS[preset]
    changes = {} if disturbances is None else dict(disturbances)
    kept = {} if isinstance(disturbances, Disturbances) else dict(base.disturbances)
    try:
        return Simulation(**{**dict(base), **overrides, "disturbances": {**kept, **changes}})
    except ValidationError as error:
        raise DataError(_explain(error)) from error


def _explain(error: ValidationError) -> str:
    """One line for the first setting which pydantic refused."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"simulation setting {name!r} is not known; there are {', '.join(_known_settings())}"
    reason = first["msg"].removeprefix("Value error, ")
    return f"simulation setting {name}: {reason}" if name else f"simulation settings: {reason}"


def _known_settings() -> list[str]:
    return [*Simulation.model_fields, *(f"disturbances.{name}" for name in Disturbances.model_fields)]
