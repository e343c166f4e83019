# The first use of any target creates .venv and installs what the target needs; later uses only when the project's
# dependencies change. PYTHON picks another interpreter (3.11 or newer).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO ?= demo

.DEFAULT_GOAL := help
.PHONY: help demo test check bench wheel clean

help:
	@echo "make demo   simulate a beamline scan, map its phases, compare with the truth, draw figures (folder $(DEMO)/)"
	@echo "make test   run the tests"
	@echo "make check  ruff, mypy, import-linter"
	@echo "make bench  speed and memory, as ratios measured in one run"
	@echo "make wheel  build a wheel and try it outside the checkout"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "xanesmap needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,check]'
	@touch $@

demo: $(STAMP)
	$(BIN)/xanesmap demo $(DEMO)

test: $(STAMP)
	$(BIN)/python -m pytest

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python benchmarks/fit_speed.py
	$(BIN)/python benchmarks/reconstruction_speed.py
	$(BIN)/python benchmarks/main_job.py

wheel: $(STAMP)
	bash .ci/try-wheel

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
