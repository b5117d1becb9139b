# One environment for everything: `make test` adds to the .venv that `make reproduce` uses, so
# neither makes the other install again. Stamps in it tell make what is there already.

VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

# The first Python that is new enough and can make environments.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)

PROFILE ?= quick

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help figures install install-dev reproduce student test lint bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) \
	| awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

reproduce: install ## train, and draw the paper's figures and tables into reproduced/; PROFILE=quick
	$(BIN)/flanrepro reproduce --profile $(PROFILE)

student: install ## write the notebooks without their exercises' solutions into student/
	$(BIN)/python ci/student.py student

test: install-dev ## run the tests; PYTEST_ARGS="-k packaging -x" goes to pytest
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: install-dev ## ruff check and ruff format --check, notebooks too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

figures: install ## draw every figure and table anew from the scores that ship; trains nothing
	$(BIN)/flanrepro figures

bench: install ## measure this machine: the data's speed, and each notebook's; figures/bench/
	$(BIN)/python ci/bench.py data
	$(BIN)/python ci/bench.py notebooks

install: $(VENV)/installed ## make .venv with the package, if it is not there yet

install-dev: $(VENV)/installed-dev ## add the dev extra, if it is not there yet

clean: ## remove .venv, caches and builds (not runs, figures or notebooks)
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/created:
	@"$(PYTHON)" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo 'flanrepro needs Python 3.11 or newer with venv: name one as `make PYTHON=/path/to/python3.11`.' >&2; \
	exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/created pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/created pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $(VENV)/installed $@
