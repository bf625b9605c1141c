# Everything a contributor needs; `make` alone lists it.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)

.PHONY: help install run test check format bench faults clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/.installed ## make .venv with Flume and its tools

.venv/.installed: pyproject.toml uv.lock requirements.lock
ifneq ($(UV),)
	uv sync --quiet --frozen
else
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
endif
	@touch $@

run: install ## start Flume with the examples, and show the first one run
	@$(BIN)/flume dev examples --demo

test: install ## run all tests
	$(BIN)/pytest

check: install ## formatting, lint, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install ## measure what is promised to be fast, and print tables
	$(BIN)/python -m bench

faults: install ## kill processes at random moments and check that nothing is lost; some minutes
	$(BIN)/pytest tests/faults --run-faults

clean: ## remove what the targets above made
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
