# The verbs of the house. `make help` lists them.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete

# A shop and its tests start many processes; each starts in half the time when what Python compiled is kept. It lies in
# $(VENV), so that also where an environment forbids it (containers do) nothing is written among the sources.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/pycache

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-live check fmt up down bench gen migrate lock

help: ## List the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F '\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make .venv with everything in it (costs nothing the second time)

# pip brings the locked uv, because it installs the rest five times faster and shows progress; every file is hashed.
$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; install it, or name it: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "setup 1/3: virtual environment ($$($(PYTHON) --version))"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setup 2/3: packages (about 1 GB on disk)"
	@awk '/^uv==/{on=1} on&&/^[a-z]/&&!/^uv==/{exit} on' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes --no-deps -r $(VENV)/uv.lock
	@$(BIN)/uv pip install --system-certs --python $(BIN)/python --require-hashes -r requirements.lock
	@echo "setup 3/3: the noizylab command"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## Put twelve repairs through a whole shop on this machine
	@$(BIN)/noizylab demo $(if $(SAMPLES),--samples $(SAMPLES))

test: setup ## Run all tests (no server, no key, no network)
	@$(BIN)/python -m pytest

test-live: setup ## Test on a real Apache Kafka and S3 server, where Java with Maven, or Go, are installed
	@$(BIN)/python -m tests.live

check: setup ## Lint, types, import directions, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m infra.gen --check

fmt: setup ## Format the code
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

up: setup ## Start the shop; Ctrl-C stops it
	@$(BIN)/noizylab up

down: setup ## Stop a shop that `make up` started in another terminal
	@$(BIN)/noizylab down

bench: setup ## Measure the repair flow (see `noizylab bench --help`)
	@$(BIN)/noizylab bench flow --repairs 300 --json

gen: setup ## Write JSON Schema, AsyncAPI, tables, the graph, API examples and the Python client
	@$(BIN)/python -m infra.gen

migrate: setup ## Bring the ClickHouse schema up to date
	@$(BIN)/noizylab migrate

lock: ## Renew requirements.lock from pyproject.toml (hashes, no addresses)
	@$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--extra dev --quiet pyproject.toml -o requirements.lock
