"""Maps added to a finished result: second opinion, unmixing, denoising."""
