# Everything a contributor needs; `make` alone lists it.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)
HAS_NPM := $(shell command -v npm 2>/dev/null)

WEB := console/web
WEB_TOOLS := $(WEB)/node_modules/.bin/tsc
NPM := $(BIN)/python $(WEB)/bundle.py npm

# What images are built with and called; IMAGE_PREFIX is such as registry.example.org/team/
BUILDER ?= $(firstword $(foreach each,docker podman buildah,$(if $(shell command -v $(each) 2>/dev/null),$(each))))
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION := $(shell git rev-parse HEAD 2>/dev/null)
IMAGE_PREFIX ?=

# For two cores: tests wait for processes of their own more than they compute, and a fourth makes browsers wait. Of one file they run
# in one process, in order.
TEST_PROCESSES ?= 3

.PHONY: help install run demo test test-cluster check format types crds images console bench faults clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/.installed ## make .venv with Flume and its tools, and build the console's scripts if they are stale
	@$(BIN)/python $(WEB)/bundle.py

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

demo: install ## start Flume beside a small language model, without GPU or account, and see it write
	@$(BIN)/python -m demo

# Hundreds of processes load the same modules, each a fifth slower where the environment forbids bytecode.
test: export PYTHONDONTWRITEBYTECODE :=
test: install $(if $(HAS_NPM),tests/javascript/node_modules) ## run all tests
	$(BIN)/pytest -n $(TEST_PROCESSES) --dist loadfile

test-cluster: install ## test on the cluster that KUBECONFIG names; docs/how-to/cluster-tests.md has the variables
	$(BIN)/pytest tests/cluster --run-cluster -v

tests/javascript/node_modules: tests/javascript/package-lock.json
	npm ci --prefix tests/javascript --ignore-scripts --no-audit --no-fund --silent
	@touch $@

check: install $(WEB_TOOLS) ## formatting, lint, types, import rules, and the console's TypeScript with its tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python $(WEB)/api_types.py --check
	$(NPM) run --silent check

format: install $(WEB_TOOLS) ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(NPM) run --silent format

types: install ## write the console's types anew from the API's description
	$(BIN)/python $(WEB)/api_types.py

crds: install ## write the CustomResourceDefinitions anew from their models
	$(BIN)/python -m knative.resources crds

images: ## build both images with docker, podman or buildah: make images BASE=python:3.13-slim@sha256:…
	@test -n "$(BUILDER)" || { echo "make images: there is no docker, podman or buildah to build with" >&2; exit 1; }
	@test -n "$(BASE)" || { echo "make images: set BASE to a Python image by its digest: BASE=python:3.13-slim@sha256:…" >&2; exit 1; }
	@for image in control function; do \
	  $(BUILDER) build --build-arg BASE=$(BASE) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
	    --target $$image --tag $(IMAGE_PREFIX)flume-$$image:$(VERSION) . || exit 1; \
	done

console: install $(WEB_TOOLS) ## serve the console's scripts as they change; start flume with FLUME_VITE=http://localhost:5173
	$(NPM) run dev

$(WEB_TOOLS): $(WEB)/package-lock.json
	$(NPM) ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

bench: install ## measure what is promised to be fast, and print tables
	$(BIN)/python -m bench

faults: install ## break all that can break, by ever new seeds for FAULTS_MINUTES (15), and check that nothing is lost
	$(BIN)/python tests/faults/soak.py

clean: ## remove what the targets above made
	rm -rf .venv dist build console/static/dist $(WEB)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
