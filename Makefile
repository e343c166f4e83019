# The first use of any target creates .venv and installs what the target needs; later uses only when the project's
# dependencies change. PYTHON picks another interpreter (3.11 or newer).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Libraries that a window needs on Debian, and a screen for it where there is none (tests of windows).
SYSTEM := libgl1 libegl1 libfontconfig1 libdbus-1-3 libglib2.0-0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 \
          libxcb-keysyms1 libxcb-shape0 xvfb xauth
APT = [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && apt-get update -qq \
      && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends
DEMO ?= demo

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check bench wheel system clean

help:
	@echo "make demo   simulate a beamline scan, map its phases, compare with the truth, draw figures (folder $(DEMO)/)"
	@echo "make test   run the tests; make test-all: more seeds and sizes of what takes long, too"
	@echo "make check  ruff, mypy, import-linter"
	@echo "make bench  speed and memory, as ratios measured in one run"
	@echo "make wheel  build a wheel and try it outside the checkout"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "xanesmap needs Python 3.11 or newer; set PYTHON=")'
	@# Debian keeps the part of Python that makes environments in a package of its own.
	@$(PYTHON) -m venv $(VENV) > /dev/null 2>&1 || { $(APT) python3-venv > /dev/null && $(PYTHON) -m venv $(VENV); } \
	    || { echo "Python cannot make an environment. On Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[napari,test,check]'
	@# pip compiles on one core, and the tests of every library; what cannot be compiled is a template or for Python 2
	@$(BIN)/python -W ignore -m compileall -qq -j 0 -x '/tests?/' $(VENV)/lib || true
	@touch $@

system:
	@command -v xvfb-run > /dev/null || { $(APT) $(SYSTEM) > /dev/null; } \
	    || echo "Tests of windows are skipped: they need Xvfb. On Debian: apt-get install $(SYSTEM)"

demo: $(STAMP)
	$(BIN)/xanesmap demo $(DEMO)

test: TESTS := not slow
test-all: TESTS := slow or not slow
test test-all: $(STAMP) system
	@# one process per core, a file of tests to each; threads of linear algebra would compete with the other processes
	@# and a screen of their own for windows, where there is none
	@if [ -z "$$DISPLAY" ] && command -v xvfb-run > /dev/null; then \
	    set -- xvfb-run --auto-servernum --server-args="-screen 0 1920x1200x24"; \
	fi; \
	env OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 "$$@" $(BIN)/python -m pytest \
	    --numprocesses auto --dist loadfile --no-loadscope-reorder -m "$(TESTS)"

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python benchmarks/reconstruction_speed.py
	$(BIN)/python benchmarks/reader_speed.py
	$(BIN)/python benchmarks/main_job.py
	$(BIN)/python benchmarks/alignment_accuracy.py
	$(BIN)/python benchmarks/fit_speed.py
	$(BIN)/python benchmarks/morphology.py

wheel: $(STAMP)
	bash .ci/try-wheel

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
