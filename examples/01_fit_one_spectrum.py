"""Fit one spectrum with two references.

A spectrum that is 70 % LiFePO4 and 30 % FePO4 by iron atoms, with noise, is fitted with the bundled references and a
background that falls as attenuation below an edge does.
"""

import numpy as np

from xanesmap.spectra.background import background_columns
from xanesmap.spectra.combination import fit_combination, make_model
from xanesmap.spectra.reference import bundled_reference, sample_references

# 1. Energies of the scan, and the references sampled there.
energies_ev = np.arange(7092.0, 7193.0, 2.0)
references = [bundled_reference("LiFePO4"), bundled_reference("FePO4")]
columns = sample_references(references, energies_ev)

# 2. A noisy spectrum of linear attenuation, 1/um: edge step 0.045, noise 5 % of it.
rng = np.random.default_rng(0)
noise = 0.05 * 0.045
spectrum = 0.045 * (0.7 * columns[0] + 0.3 * columns[1]) + 0.017 + rng.normal(scale=noise, size=len(energies_ev))

# 3. The fit: one matrix for all spectra of a scan, here a single one.
model = make_model(columns, background_columns(energies_ev), noise=np.full(len(energies_ev), noise))
fit = fit_combination(spectrum[:, None], model, variance=np.full(len(energies_ev), noise**2))

print(f"LiFePO4 fraction {fit.fraction[0, 0]:.3f} +- {fit.fraction_sigma[0, 0]:.3f} (truth 0.700)")
print(f"edge step {fit.amount[0]:.4f} 1/um (truth 0.0450), R-factor {fit.r_factor[0]:.2g}")
