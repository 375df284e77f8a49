# Everything a person does here begins with `make`. The first command makes .venv from the hash-locked list, once.

# The first interpreter that is new enough; `make PYTHON=/path/to/python3.12 test` chooses another.
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$each"; break; }; done)

# Options for `tieout demo`, such as ARGS=--once, and for pytest, such as TESTS=tests/store.
ARGS ?=
TESTS ?= tests
# Workers of pytest: more than two cores can run at once, since many tests wait for processes of their own.
WORKERS ?= 4

VENV := .venv
RUN := $(VENV)/bin
MADE := $(VENV)/.made
RUNS := $(VENV)/.runs
READY := $(VENV)/.ready
POSTGRES_15 := /usr/lib/postgresql/15/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types schema resemblance night bench test-postgres15 lock clean

help: ## list these commands
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-24s %s\n", $$1, $$2 }'

demo: $(RUNS) ## see it work: embedded Postgres, simulated hub, service (ARGS=--once for one cycle)
	@$(RUN)/python -m service demo $(ARGS)

test: $(READY) ## run the test suite (TESTS=tests/store for a part of it)
	@$(RUN)/pytest -q -n $(WORKERS) $(TESTS)

check: lint types test ## run everything that must pass before a commit

lint: $(READY) ## check style, spelling and the direction of imports
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/codespell
	@$(RUN)/lint-imports

types: $(READY) ## check types
	@$(RUN)/mypy service tests $(wildcard benchmarks)

schema: $(READY) ## write sql/schema.sql anew from the migrations
	@$(RUN)/python tests/store/schema.py > sql/schema.sql.new
	@mv sql/schema.sql.new sql/schema.sql

resemblance: $(READY) ## learn anew what unknown messages resemble, from the samples of the tests
	@$(RUN)/python -m tests.domain.resemblance_learning > $(VENV)/resemblance.tsv
	@mv $(VENV)/resemblance.tsv service/domain/causes/rules/resemblance.tsv

night: $(READY) ## run the long programmes
	@$(RUN)/pytest -q -n $(WORKERS) -m night $(TESTS)

bench: $(READY) ## measure what the README claims
	@for each in $(filter-out %/chart.py,$(wildcard benchmarks/*.py)) benchmarks/chart.py; do \
		echo "== $$each"; $(RUN)/python "$$each" || exit 1; done

test-postgres15: $(READY) ## run the test suite on Debian's Postgres 15
	@.ci/with-postgres $(POSTGRES_15) $(RUN)/pytest -q -n $(WORKERS) $(TESTS)

lock: $(READY) ## pin all dependencies anew, with hashes
	@$(RUN)/python -m pip install --quiet uv
	@$(RUN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		--upgrade pyproject.toml --output-file requirements.lock
	@$(RUN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		--upgrade --extra apprise --extra telemetry pyproject.toml --output-file requirements-extras.lock
	@$(RUN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		--upgrade --extra dev --extra apprise --extra telemetry pyproject.toml --output-file requirements-dev.lock
	@$(RUN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
		| $(RUN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		--constraint requirements-dev.lock - --output-file requirements-build.lock

clean: ## remove what was made: .venv, caches, builds
	@rm -rf $(VENV) .tieout dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find service tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# Twice quiet: errors only. A pip that is told of several places grumbles about each package that one of them lacks.
PIP := $(RUN)/python -m pip install --quiet --quiet --disable-pip-version-check

$(MADE):
	@test -n "$(PYTHON)" || { \
		echo "tieout needs Python 3.11 or later; install it, or name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "making $(VENV), once; this takes some seconds" >&2
	@"$(PYTHON)" -m venv $(VENV)
	@touch $@

# What runs the service, and no more: a first look should not wait for the tools of developers.
$(RUNS): requirements.lock | $(MADE)
	@$(PIP) --require-hashes -r requirements.lock
	@touch $@

$(READY): requirements-dev.lock pyproject.toml | $(MADE)
	@$(PIP) --require-hashes -r requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $(RUNS) $@
