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

# `make test` is one process at a time, within 2 GB: folders of tests/ by parts, whose memory is given
# back at their end. `make test-all` has a process per core; two take 3 to 4 GB. Each has whole files of
# tests, so that what a file's tests share is made once.
PARTS := collection,raw,sources,cards,cli data,model,training,evaluation experiments,report,notebooks,t5x,ci
WORKERS ?= -n auto --maxprocesses 2 --dist loadfile

# T5X is on no package index, and what PyPI has of the other two does not do. None of them has
# releases: these commits are those that the tests ran with. T5X is installed as a checkout, in
# $(VENV)/src: its wheel lacks examples/decoder_only/network.py, whose folder is no package.
T5X := git+https://github.com/google-research/t5x@cc342d419ec3e3e9c4bf1df33c82330cafdc1e16\#egg=t5x
AIRIO := airio @ git+https://github.com/google/airio@69897df7d9a427b947a9f7bb4164c7782b43e601
JESTIMATOR := jestimator @ git+https://github.com/google-research/jestimator@326824a477feef6d92e6f44175000907a72899ca

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help book figures install install-book install-dev reproduce student test test-all lint bench t5x clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(firstword $(MAKEFILE_LIST)) \
	| awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

reproduce: install ## train, and draw the paper's figures and tables into out/; PROFILE=quick
	$(BIN)/flanrepro reproduce --profile $(PROFILE)

student: install ## write the notebooks without their exercises' solutions into student/
	$(BIN)/flanrepro notebooks copy student --student

test: install-dev ## run the tests but for the slow ones; PYTEST_ARGS="-k packaging -x" goes to pytest
ifdef PYTEST_ARGS
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)
else
	$(BIN)/python -m pytest -m "not slow" tests/test_*.py
	@for part in $(PARTS); do \
	$(BIN)/python -m pytest -m "not slow" $$(printf 'tests/%s ' $$(echo $$part | tr , ' ')) || exit; done
endif

test-all: install-dev ## run all tests, with simulated meshes, kills and whole notebooks
	$(BIN)/python -m pytest $(WORKERS) $(PYTEST_ARGS)

lint: install-dev ## ruff check and ruff format --check, notebooks too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

figures: install ## draw every figure and table that ships anew, from the scores that ship
	$(BIN)/flanrepro figures

# Sphinx, MyST-NB and Jupyter Book's theme: why not Jupyter Book itself, ci/book/__init__.py says.
book: install-book ## write the notebooks, run from shipped scores, and docs/ as a website into out/book/
	$(BIN)/python -m ci.book out/book

bench: install ## measure this machine, for an hour and a half: figures/bench/, docs/speed.md
	$(BIN)/python -m ci.bench speed --measure

install: $(VENV)/installed ## make .venv with the package, if it is not there yet

install-book: $(VENV)/installed-book

install-dev: $(VENV)/installed-dev ## add the dev extra, if it is not there yet

t5x: $(VENV)/installed-t5x ## add T5X, for engine=t5x; T5X_SOURCE=FOLDER with t5x, airio and jestimator: no GitHub

clean: ## remove .venv, caches and builds (not runs, figures or notebooks)
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/created:
	@"$(PYTHON)" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo 'flanrepro needs Python 3.11 or newer with venv: name one as `make PYTHON=/path/to/python3.11`.' >&2; \
	exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	@touch $@

# Git compares notebooks without what running them leaves; it runs this at the top of the checkout.
FILTER := git config filter.stripped-notebook.clean 'python3 ci/strip_notebook.py' 2>/dev/null || true

$(VENV)/installed: $(VENV)/created pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e .
	@$(FILTER)
	@touch $@

$(VENV)/installed-book: $(VENV)/created pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[book]'
	@touch $(VENV)/installed $@

$(VENV)/installed-dev: $(VENV)/created pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[dev]'
	@$(FILTER)
	@touch $(VENV)/installed $(VENV)/installed-book $@

# Without their dependencies: they pin others' versions, and ask for TensorFlow's nightly builds.
$(VENV)/installed-t5x: $(VENV)/installed
	$(PIP) install -c constraints.txt cached-property fiddle gin-config 'seqio>=0.0.20' tensorboard
ifdef T5X_SOURCE
	@for name in t5x airio jestimator; do test -d "$(T5X_SOURCE)/$$name" || { \
	echo "T5X_SOURCE=$(T5X_SOURCE) has no folder '$$name': give one that holds t5x, airio and jestimator." >&2; \
	exit 1; }; done
	echo '$(abspath $(T5X_SOURCE))' > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/t5x-source.pth"
else
	$(PIP) install --no-deps -e '$(T5X)' '$(AIRIO)' '$(JESTIMATOR)'
endif
	$(BIN)/python -c 'import t5x.train' 2>/dev/null || $(BIN)/python -c 'import t5x.train'
	@touch $@
