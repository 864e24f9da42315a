# One command each: `make demo`, `make test`, `make bench`. All set themselves up in .venv; nothing else is needed
# than Python 3.11 or newer and a package registry.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false
# Threads that wait must not keep a busy machine's cores from those that work.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test lint bench clean help

help:
	@echo "make demo    scenes made, a model trained, a page to look at (about 11 minutes on 2 cores)"
	@echo "make test    every check: format, lint, types, tests"
	@echo "make bench   the slow measurements; results go to benchmarks/RESULTS.md"

demo: $(READY)
	$(BIN)/interplay demo --out demo

test: lint
	./scripts/ensure-chromium
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(READY)
	$(BIN)/python benchmarks/run.py

$(READY): pyproject.toml constraints.txt
	@echo "Setting up $(VENV): PyTorch and friends, some minutes the first time"
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Interplay needs Python 3.11 or newer')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
