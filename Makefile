# `make` lists the targets. Each makes what it needs; nothing outside this folder is touched.

VENV ?= .venv
TIME ?= 60
SOAK_MESSAGES ?= 100000
# Further arguments for pytest or the benchmarks: make test ARGS="-k heart -x"
ARGS ?=

SHELL := /bin/sh
BIN := $(VENV)/bin
# pip's own remarks about itself help nobody here.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

export PYTHON STOMP_URL

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench fuzz soak clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "  PYTHON=...    the interpreter to use; otherwise the newest from 3.11 on that runs here"

demo:  ## see it work: an embedded broker, or the one that STOMP_URL names; needs Python 3.11+ alone
	@python=$$(tools/find-python) && PYTHONPATH=.:transports exec "$$python" examples/demo.py

test: $(VENV)/.stamp-test  ## all tests; those with real brokers where they are installed (ARGS=... for pytest)
	$(BIN)/python -m pytest -m "not soak" $(ARGS)

lint: $(VENV)/.stamp-dev  ## ruff, mypy --strict, pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/.stamp-dev  ## let ruff put the source in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.stamp-bench  ## speed beside other Python clients (ARGS=--quick: only that it runs)
	$(BIN)/python benchmarks/run.py $(ARGS)

fuzz: $(VENV)/.stamp-fuzz  ## atheris on every target, TIME=60 seconds in all
	$(BIN)/python fuzz/run.py --time $(TIME) $(ARGS)

soak: $(VENV)/.stamp-test  ## SOAK_MESSAGES=100000 through cuts and restarts
	SOAK_MESSAGES=$(SOAK_MESSAGES) $(BIN)/python -m pytest -m soak -o timeout=0 -o faulthandler_timeout=0 -s $(ARGS)

clean:  ## away with what these targets made
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A changed pyproject.toml installs again, and PYTHON= another interpreter begins anew.
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

$(VENV)/.stamp-%: pyproject.toml | $(BIN)/python
	$(PIP) --editable ".[test,$*]"
	@touch $@

.SECONDARY:
