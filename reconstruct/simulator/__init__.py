"""A beamline in software: object, microscope, disturbances, counts."""
