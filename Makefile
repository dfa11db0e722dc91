# Thin names for the commands of README.md and BUILD.md. Variables to set on the command line:
#   EXTRAS      what `make install` adds to the core:  make install EXTRAS=dev,export
#   EXPERIMENT  ce, l2 or l2_noise:                    make train EXPERIMENT=ce
#   ARGS        more flags for the command:            make train ARGS=--train_steps=1000
EXTRAS ?= dev
EXPERIMENT ?= l2_noise
ARGS ?=
# The virtual environment where there is one, else the Python on the path.
PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)

.DEFAULT_GOAL := help
.PHONY: help install train reproduce robustness demo test test-slow test-all check check-demo \
        format bench scaling speed

help:  ## This list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install:  ## Makes .venv and installs the checkout into it, editable, with EXTRAS (dev).
	python3 -m venv .venv
	.venv/bin/python -m pip install -q -e '.[$(EXTRAS)]'

train:  ## Trains EXPERIMENT (l2_noise); again: resumes.
	$(PYTHON) -m selforg_mnist.train --experiment=$(EXPERIMENT) $(ARGS)

reproduce:  ## The article's table, figures and films, from the shipped weights.
	$(PYTHON) -m experiments.reproduce --output_dir=reproduction $(ARGS)

robustness:  ## What the shipped models make of changed digits.
	$(PYTHON) -m experiments.robustness --output_dir=robustness $(ARGS)

demo:  ## The web page with the shipped weights: exports, builds, serves on this machine.
	$(PYTHON) -m export.site --serve $(ARGS)

test:  ## The tests that take seconds.
	$(PYTHON) -m pytest -m "not slow" $(ARGS)

test-slow:  ## The tests that take minutes.
	$(PYTHON) -m pytest -m slow $(ARGS)

test-all:  ## All tests, as CI runs them.
	$(PYTHON) -m pytest -n 2 $(ARGS)

check:  ## Format, lint, types, and the direction of imports.
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest -q tests/test_imports.py

check-demo: export/demo/node_modules/.package-lock.json  ## The page's types, format, unit tests.
	cd export/demo && npm run check && npm test

# What npm writes when it has installed everything.
export/demo/node_modules/.package-lock.json: export/demo/package-lock.json
	cd export/demo && npm ci

format:  ## Puts right what ruff can.
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

bench:  ## Steps per second on this machine.
	$(PYTHON) -m experiments.benchmark $(ARGS)

scaling:  ## A training step's time against batch, canvas, living cells and replicas.
	$(PYTHON) -m experiments.scaling --output_dir=scaling $(ARGS)

speed:  ## Steps per second of the web page in a browser, beside the article's graph.
	$(PYTHON) -m export.speed $(ARGS)
