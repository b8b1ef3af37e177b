# Everything from a clean clone: `make run`, `make test`, `make check`, `make bench`, `make faults`.
# Each target does its own set-up; what is done already is not done again.

# Where the environment forbids bytecode, every process that is started compiles everything anew: seconds each time.
unexport PYTHONDONTWRITEBYTECODE

# The distribution's Python goes first where it will do: it is built for speed (a fifth less time), what a version manager
# compiles on the spot is often not.
FIT := import ensurepip, sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in /usr/bin/python3 python3; do $$python -c '$(FIT)' 2>/dev/null && break; done; echo $$python)
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
WORKERS ?= 4 # twice the cores of a small machine: half of them wait, half of them compute (tests/support/scheduling.py)

.PHONY: help setup run test check check-types check-others format bench faults browser lock translations clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(STAMPS)/python:
	@$(PYTHON) -c '$(FIT)' || { echo "Python 3.11 or newer is needed (PYTHON=...)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

# The lock files pin every package with its digests; --no-deps keeps the project itself from asking for more.
$(STAMPS)/packages: $(STAMPS)/python requirements-dev.txt tools/packages.sh
	@sh tools/packages.sh $(BIN) requirements-dev.txt
	@touch $@

$(STAMPS)/project: $(STAMPS)/packages pyproject.toml hatch_build.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --no-build-isolation -e .
	@touch $@

# Front-end files (npm) and compiled translations; the script itself sees what is there already.
setup: $(STAMPS)/project ## virtual environment, packages, front-end files, translations
	@$(BIN)/python hatch_build.py

run: setup ## the whole product on this machine, with the demo office
	@exec $(BIN)/tracker up

browser: ## Chromium, Chinese fonts and LibreOffice for the tests
	@sh tools/browser.sh

test: setup browser ## every test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=15 -m "not alone"
	$(BIN)/python -m pytest -m alone $$(grep -rl --include '*.py' 'pytest\.mark\.alone' tests)

check: setup ## lint, types, rooms, translations, migrations, tree
	@$(MAKE) --no-print-directory --jobs 2 --output-sync check-types check-others

check-types:
	$(BIN)/mypy

check-others:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/check_translations.py
	$(BIN)/python tools/check_migrations.py
	$(BIN)/python tools/check_tree.py
	@# The first who reads the tests writes their bytecode: here a core has nothing else to do.
	$(BIN)/python -m pytest --collect-only -qq >$(STAMPS)/collected || { cat $(STAMPS)/collected; exit 1; }

format: setup ## put the source into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

translations: setup ## bring the English catalogue up to date with the source (new sentences stay empty)
	$(BIN)/python tools/check_translations.py --update

bench: setup ## one line each: name, ours, floor, ratio; FULL=1 for the large sizes
	$(BIN)/python -m benchmarks $(if $(FULL),--full)

faults: setup ## the long fault runs
	FAULT_ROUNDS=$(or $(ROUNDS),200) $(BIN)/python -m pytest tests/faults --timeout 3600

lock: $(STAMPS)/python ## pin the packages anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --upgrade pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --upgrade --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean: ## everything made, but not the data in var/
	rm -rf $(VENV) node_modules tracker/static/vendor build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
