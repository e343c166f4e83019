"""The solids of known shape of the tests, for benchmarks."""

import importlib.util
from pathlib import Path

_SPEC = importlib.util.spec_from_file_location("solids", Path(__file__).parents[1] / "tests" / "phasemap" / "solids.py")
solids = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(solids)
