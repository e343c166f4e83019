"""Solids of known geometry for the tests of morphology."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def solids():
    """The module solids.py, which the benchmark of morphology uses as well."""
    spec = importlib.util.spec_from_file_location("solids", Path(__file__).with_name("solids.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
