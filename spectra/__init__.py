"""From spectra to phase amounts with uncertainties."""
