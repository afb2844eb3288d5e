# `make` lists the targets. Each target installs what it needs in $(VENV); nothing outside of this folder is changed.

VENV ?= .venv
TIME ?= 60
SOAK_MESSAGES ?= 100000
# Processes that run the tests: two of them wait for a real broker most of the time. WORKERS=0 runs the tests in this
# process, which is easier to debug.
WORKERS ?= 4
# Tests without sockets, processes and brokers.
PURE := tests/wire tests/protocol tests/session tests/websocket tests/fuzz tests/architecture tests/test_errors.py \
	tests/test_records.py
# A little below what is measured.
COVERAGE ?= 96
# Further arguments for pytest or the benchmarks: make test ARGS="-k heart -x"
ARGS ?=

SHELL := /bin/sh
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

export PYTHON STOMP_URL
# The tests start hundreds of Python processes. Without compiled modules each takes a second longer, and so do pytest's.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check coverage lint docs format bench bench-count bench-report fuzz soak clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "  PYTHON=...    the interpreter to use; by default the newest that is found, from 3.11 on"

demo:  ## send and receive on an embedded broker, or on STOMP_URL; needs nothing but Python 3.11+
	@python=$$(tools/find-python) && PYTHONPATH=.:transports exec "$$python" examples/demo.py

test: $(VENV)/.stamp-test  ## all tests, with the real brokers that are installed (ARGS=... for pytest)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not soak" $(ARGS)

check: $(VENV)/.stamp-test  ## the tests of the pure layers, in less than a minute: for while you write
	$(BIN)/python -m pytest -q -n auto --dist loadfile $(PURE) $(ARGS)

coverage: $(VENV)/.stamp-test  ## the same tests, and which lines of the pure layers they run; fails below COVERAGE percent
	$(BIN)/python -m pytest -q -n auto --dist loadfile --cov --cov-report term --cov-fail-under $(COVERAGE) $(PURE) $(ARGS)

lint: $(VENV)/.stamp-dev  ## ruff, mypy --strict, pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(VENV)/.stamp-docs  ## build the site in build/docs; any warning fails (STOMP_DOCS_ONLINE=1: link to Python's docs)
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs
	@echo "build/docs/index.html"

format: $(VENV)/.stamp-dev  ## format the source and apply the fixes of ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.stamp-bench  ## compare speed with other Python clients (ARGS=--quick: only check that it runs)
	$(BIN)/python benchmarks/run.py $(ARGS)

bench-count: $(VENV)/.stamp-bench  ## count instructions instead; needs valgrind (ARGS="--only parse", ARGS=--check)
	$(BIN)/python benchmarks/instructions.py $(ARGS)

bench-report: $(VENV)/.stamp-bench  ## measure everything, with every broker, and write docs/performance.md and its charts
	$(BIN)/python benchmarks/performance.py $(ARGS)

fuzz: $(VENV)/.stamp-fuzz  ## run atheris on every target, for TIME=60 seconds in all
	$(BIN)/python fuzz/run.py --time $(TIME) $(ARGS)

soak: $(VENV)/.stamp-test  ## send SOAK_MESSAGES=100000 while brokers are killed; let connections idle for IDLE_MINUTES=1
	SOAK_MESSAGES=$(SOAK_MESSAGES) $(BIN)/python -m pytest -m soak -o timeout=0 -o faulthandler_timeout=0 -s $(ARGS)

clean:  ## remove everything that these targets made
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# With another PYTHON=... the virtual environment is made anew.
ifneq ($(PYTHON),)
ifneq ($(wildcard $(BIN)/python),)
ifneq ($(shell $(PYTHON) -c 'import sys; print(sys.version)' 2>&1),$(shell $(BIN)/python -c 'import sys; print(sys.version)' 2>&1))
$(shell rm -rf $(VENV))
endif
endif
endif

$(BIN)/python:
	@python=$$(tools/find-python --venv) || exit 1; \
	echo "$$python -m venv $(VENV)"; "$$python" -m venv $(VENV)

# pip installs dependency groups (PEP 735) from 25.1 on; Python 3.11 and 3.12 come with an older one.
$(VENV)/.stamp-pip: | $(BIN)/python
	$(PIP) "pip>=25.1"
	@touch $@

# A changed pyproject.toml installs again.
$(VENV)/.stamp-%: pyproject.toml | $(VENV)/.stamp-pip
	$(PIP) --editable ".[trio,websocket,proxy,otel,uvloop,testing,cli]" --group $*
	@touch $@

.SECONDARY:
