# Short names for the commands of README.md and BUILD.md. Variables to set on the command line:
#   EXTRAS      what `make install` adds to the core:  make install EXTRAS=dev,export
#   EXPERIMENT  ce, l2, l2_noise, ...:                 make train EXPERIMENT=ce
#   ARGS        more flags for the command:            make train ARGS=--train_steps=1000
EXTRAS ?= dev
EXPERIMENT ?= l2_noise
ARGS ?=
# The virtual environment where there is one, else the Python on the path.
PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)

.DEFAULT_GOAL := help
.PHONY: help install train reproduce robustness demo test test-slow test-long test-all check check-demo \
        format bench scaling speed

help:  ## Shows this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install:  ## Makes .venv and installs the checkout into it, editable, with EXTRAS (dev).
	python3 -m venv .venv
	.venv/bin/python -m pip install -q -e '.[$(EXTRAS)]'

train:  ## Trains EXPERIMENT (l2_noise), or resumes its training.
	$(PYTHON) -m selforg_mnist.train --experiment=$(EXPERIMENT) $(ARGS)

reproduce:  ## Makes the article's table, figures and films from the shipped weights.
	$(PYTHON) -m experiments.reproduce --output_dir=reproduction $(ARGS)

robustness:  ## Tests the shipped models on digits changed in size, stroke, place and more.
	$(PYTHON) -m experiments.robustness --output_dir=robustness $(ARGS)

demo:  ## Exports the shipped weights, builds the web page, serves it on this machine.
	$(PYTHON) -m export.site --serve $(ARGS)

test:  ## Runs the tests that take seconds.
	$(PYTHON) -m pytest -m "not slow" $(ARGS)

test-slow:  ## Runs the tests that take minutes.
	$(PYTHON) -m pytest -m "slow and not long" $(ARGS)

test-long:  ## Runs the tests that the others leave out: endurance, speeds, screenshots, whole studies.
	$(PYTHON) -m pytest -m long $(ARGS)

test-all:  ## Runs all tests but the long ones, as CI does.
	$(PYTHON) -m pytest -n 2 $(ARGS)

check:  ## Checks format, lint, types, and the direction of imports.
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest -q tests/test_imports.py

check-demo: export/demo/node_modules/.package-lock.json  ## Checks the page's types, format and unit tests.
	cd export/demo && npm run check && npm test

# npm writes this file when it has installed everything.
export/demo/node_modules/.package-lock.json: export/demo/package-lock.json
	cd export/demo && npm ci

format:  ## Formats the code, and fixes what ruff can fix.
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

bench:  ## Measures training and evaluation steps per second on this machine.
	$(PYTHON) -m experiments.benchmark $(ARGS)

scaling:  ## Measures a training step's time over batch, canvas, living cells and replicas.
	$(PYTHON) -m experiments.scaling --output_dir=scaling $(ARGS)

speed:  ## Measures the web page's steps per second in a browser, beside the article's graph.
	$(PYTHON) -m export.speed $(ARGS)
