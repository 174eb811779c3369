# Everything runs in .venv, made from requirements.lock (hashes checked); nothing is installed outside this folder.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DURATION ?= 0

.DEFAULT_GOAL := help
.PHONY: help install demo train test check lint types imports format bench mixed chaos fuzz soak compose docs lock clean distclean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv from requirements.lock

# The shell's parent is make: the demo ends when make has gone, even by SIGKILL.
demo: $(INSTALLED) ## Run the whole stack here and show what flows [DURATION=20] [ARGS="--json --keep out"]
	@exec $(BIN)/streamapp demo --duration $(DURATION) --watch-pid $$PPID $(ARGS)

train: $(INSTALLED) ## Train and register the models in MLflow, e.g. that of a running demo [CSV=file]
	$(BIN)/streamapp train employees $(if $(CSV),--csv "$(CSV)") $(ARGS)

test: $(INSTALLED) ## Run the tests; COVERAGE=1 says what they cover [ARGS="-k name"]
	$(BIN)/pytest $(if $(COVERAGE),--cov) $(ARGS)

check: lint types imports ## Run lint, types and imports

lint: $(INSTALLED) ## Check style and formatting
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(INSTALLED) ## Check types
	$(BIN)/mypy

imports: $(INSTALLED) ## Check that imports run one way
	$(BIN)/lint-imports

format: $(INSTALLED) ## Format the code and fix what can be fixed
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(INSTALLED) ## Measure all beside what one would use otherwise [QUICK=1 ARGS="--only throughput"]
	@PYTHONPATH=tests exec $(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(ARGS)

mixed: $(INSTALLED) ## Measure a fast model beside a slow one [ARGS=...]
	PYTHONPATH=tests $(BIN)/python -m benchmarks.mixed $(ARGS)

chaos: $(INSTALLED) ## Break everything there is and count what is lost [FAULTS=1,2 SEED=7 RECORDS=6000 BROKER=both]
	@PYTHONPATH=tests exec $(BIN)/python -m chaos $(if $(FAULTS),--faults $(FAULTS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(RECORDS),--records $(RECORDS)) $(if $(BROKER),--broker $(BROKER)) $(ARGS)

fuzz: $(INSTALLED) ## Throw random input at all that reads what strangers send [DURATION=600 SEED=7]
	@PYTHONPATH=tests exec $(BIN)/python -m fuzz $(if $(filter-out 0,$(DURATION)),--duration $(DURATION)) \
		$(if $(SEED),--seed $(SEED)) $(ARGS)

soak: $(INSTALLED) ## Hold a load, watch memory and lag [DURATION=600 RATE=2000 BROKER=embedded]
	@PYTHONPATH=tests exec $(BIN)/python -m soak $(if $(filter-out 0,$(DURATION)),--duration $(DURATION)) \
		$(if $(RATE),--rate $(RATE)) $(if $(BROKER),--broker $(BROKER)) $(ARGS)

compose: $(INSTALLED) ## Run docker-compose.yml, kill each service in turn and count what is lost
	$(BIN)/pytest tests/compose $(ARGS)

docs: $(INSTALLED) ## Renew what the docs take from the code: settings, problems
	$(BIN)/python docs/render.py

lock: ## Renew requirements.lock from pyproject.toml [ARGS="--upgrade"]
	@$(FIND_UV); "$$uv" pip compile pyproject.toml --output-file requirements.lock --quiet --no-header --universal \
		--python-version 3.11 --generate-hashes --all-extras --group dev $(ARGS)

clean: ## Remove what the demo and the tests left: registry, logs, caches
	rm -rf var dist .coverage* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

distclean: clean ## Remove .venv too
	rm -rf $(VENV) .uv

# Sets `python` to one that is new enough. A name may be there and still not run (version managers leave such).
FIND_PYTHON = python=; for name in python3.13 python3.12 python3.11 python3; do \
	if "$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1; then python="$$name"; break; fi; done; \
	if [ -z "$$python" ]; then echo "Python 3.11, 3.12 or 3.13 is needed; neither python3.13, python3.12, python3.11 nor \
	python3 is one. Install it and run make again." >&2; exit 1; fi

# Sets `uv` to the one on the PATH; where there is none, it is installed into a folder of its own beside .venv.
FIND_UV = uv=$$(command -v uv) || { uv=.uv/bin/uv; [ -x "$$uv" ] || { $(FIND_PYTHON); echo "Installing uv into .uv" >&2; \
	"$$python" -m venv .uv && .uv/bin/pip install --quiet uv || exit 1; }; }

$(INSTALLED): requirements.lock pyproject.toml
	@set -e; $(FIND_PYTHON); $(FIND_UV); \
	[ -x $(BIN)/python ] || "$$uv" venv --quiet --python "$$python" $(VENV); \
	echo "Installing into $(VENV)" >&2; \
	"$$uv" pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock; \
	"$$uv" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
