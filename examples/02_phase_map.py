"""Map the phases of a simulated scan and compare with the truth.

The scan is small (40 columns, 24 rows) so that the example takes seconds. With a scan of your own, leave out the
simulation and give its folder to `map_phases`.
"""

import tempfile
from pathlib import Path

import xanesmap
from xanesmap.phasemap.accuracy import compare_with_truth

folder = Path(tempfile.mkdtemp())

# 1. A scan as the beamline would write it: one HDF5 file per photon energy.
scan = xanesmap.simulate_scan(folder / "scan", n_columns=40, n_rows=24, n_angles=61)

# 2. What is in it?
report = xanesmap.inspect_scan(xanesmap.open_scan(scan.folder))
print(report.verdict)

# 3. The main job.
result = xanesmap.map_phases(scan.folder, out=folder / "result.zarr")
print(result)

# 4. Arrays carry their names, coordinates and units.
fraction = result.fraction.sel(phase="LiFePO4")
print(f"{fraction.attrs['long_name']}: {float(fraction.mean()):.3f} on average over the sample")

# 5. Against the truth, away from surfaces.
for kind in compare_with_truth(result, scan.truth):
    print(f"{kind.kind:10}  {kind.fraction:+.3f}  truth {kind.true_fraction:+.3f} +- {kind.standard_error:.3f}")
