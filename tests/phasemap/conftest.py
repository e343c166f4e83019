"""Solids of known geometry, and results made of them, for the tests of morphology."""

import importlib.util
from pathlib import Path

import pytest


def _module(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def solids():
    """The module solids.py, which the benchmark of morphology uses as well."""
    return _module("solids")


@pytest.fixture(scope="session")
def write_result():
    """The function of measured_result.py that writes a finished result."""
    return _module("measured_result").write_result
