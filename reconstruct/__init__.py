"""From detector counts to linear attenuation per photon energy."""
