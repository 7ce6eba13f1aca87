# What people type. Everything is installed into .venv from pinned, hashed requirements.
PYTHON ?= python3
SEEDS ?= 400
TASKS ?= 100
PHOTOS ?= 300
SEED ?= 1
MUTANTS ?= 200
ENV ?= dev
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CHECKOV := .darkroom/checkov
MUTMUT := .darkroom/mutmut
AUDIT := .darkroom/audit
# What is shipped, and what a checkout installs.
REQUIREMENTS := layers/runtime/requirements.txt layers/pictures/requirements.txt requirements.txt
INSTALL := $(PIP) install --quiet --require-hashes --no-compile

# Every start of a process compiles what is not written down compiled.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help demo local test all-tests simulate havoc night mutate bench check compiled layers bootstrap deploy diff synth destroy release audit requirements clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 15

demo: $(BIN)/.installed ## process sample photos in the providers' sandboxes; results in out/
	@$(BIN)/darkroom demo

local: $(BIN)/.installed ## keep a local environment up until Ctrl-C
	@$(BIN)/darkroom local

test: $(BIN)/.installed-dev $(CHECKOV)/.installed ## lint, types and all tests; some alone: make test T=tests/pipeline/test_retry.py
ifdef T
	@$(BIN)/python -m pytest -q $(T)
else
	@$(MAKE) --no-print-directory -j2 check all-tests
endif

simulate: $(BIN)/.installed-dev ## hundreds of simulations with faults, every crash point, planted bugs: make simulate SEEDS=2000
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) --processes 2
	@$(BIN)/python -m tests.simulation --crash-points
	@$(BIN)/python -m tests.simulation --bugs --processes 2

havoc: $(BIN)/.installed-dev ## kill functions at random while tasks meet faulty sandboxes: make havoc TASKS=100
	@$(BIN)/python -m tests.e2e.havoc --tasks $(TASKS) --seed $(SEED)

night: $(BIN)/.installed-dev ## 300 photos and one _darkroom.json through the AWS CLI: make night PHOTOS=1000
	@DARKROOM_TEST_PHOTOS=$(PHOTOS) $(BIN)/python -m pytest -q tests/e2e/test_folder_of_photos.py tests/e2e/test_money_of_a_night.py

mutate: $(MUTMUT)/.tested ## mutation tests on a sample of the product: make mutate MUTANTS=50 OPTIONS="--paths functions/darkroom/aws"
	@PYTHONPATH=$(MUTMUT) nice $(BIN)/python -m tests.mutation --sample $(MUTANTS) --seed $(SEED) $(OPTIONS)

bench: $(BIN)/.installed-dev ## measure cost, speed and size, and write them into the README: make bench B=cost
	@$(BIN)/python -m tests.benchmarks $(B)

check: $(BIN)/.installed-dev ## lint and types only
	@echo "Checking style and types ..."
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet . && $(BIN)/mypy --no-error-summary

all-tests: compiled ## all tests, without lint and types
	@echo "Running the tests ..."
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder

# While one processor checks types, the other compiles the tests, once for all that run them.
compiled: $(BIN)/.installed-dev
	@$(BIN)/python -m pytest -qq --collect-only >/dev/null 2>&1 || true

layers: $(BIN)/.installed ## fetch what the functions need in Lambda for its platform
	@$(BIN)/python -m infra.aws.layers

deploy: $(BIN)/.installed ## deploy an environment of infra/environments.toml: make deploy ENV=dev OPTIONS="--require-approval never"
	@$(BIN)/python -m infra.aws.deployment deploy $(ENV) $(OPTIONS)

diff: $(BIN)/.installed ## what a deployment would change: make diff ENV=dev
	@$(BIN)/python -m infra.aws.deployment diff $(ENV) $(OPTIONS)

bootstrap: $(BIN)/.installed ## create what the CDK needs in an environment's account and region, once: make bootstrap ENV=prod
	@$(BIN)/python -m infra.aws.deployment bootstrap $(ENV) $(OPTIONS)

synth: $(BIN)/.installed ## write an environment's template to cdk.out/, without network or account: make synth ENV=prod
	@$(BIN)/python -m infra.aws.deployment synth $(ENV)

destroy: $(BIN)/.installed ## delete an environment after its name was typed: make destroy ENV=dev
	@$(BIN)/python -m infra.aws.deployment destroy $(ENV) $(OPTIONS)

release: $(BIN)/.installed-dev layers ## wheel, zip, SBOM and licences to dist/, and try them: make release OPTIONS="--preview"
	@$(BIN)/python -m infra.release $(OPTIONS)

audit: $(AUDIT)/.installed ## compare the pinned requirements with known vulnerabilities, over the network
	@for file in $(REQUIREMENTS); do echo "$$file"; PYTHONPATH=$(AUDIT) $(BIN)/python -m pip_audit --strict --disable-pip --require-hashes --progress-spinner off -r $$file || exit 1; done

requirements: ## pin the requirements anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade pyproject.toml -o layers/runtime/requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade --extra local pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade --extra local --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade --no-deps -c requirements.txt layers/pictures/requirements.in -o layers/pictures/requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade --no-deps tests/mutation/requirements.in -o tests/mutation/requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade --no-deps tests/infra/checkers/requirements.in -o tests/infra/checkers/requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade infra/release/requirements.in -o infra/release/requirements.txt

clean: ## remove what was made here
	rm -rf .venv .darkroom out dist cdk.out layers/*/build .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Darkroom needs Python 3.11 or later; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .venv

$(BIN)/.installed: requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing Darkroom and what it needs into .venv (the first time takes a minute or two) ..."
	@$(INSTALL) -r requirements.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/.installed-dev: requirements-dev.txt $(BIN)/.installed
	@echo "Installing what the tests need ..."
	@$(INSTALL) -r requirements-dev.txt
	@touch $@

# Outside .venv: it and the rest of the tests need other versions of the same packages.
$(CHECKOV)/.installed: tests/infra/checkers/requirements.txt $(BIN)/.installed-dev
	@echo "Installing checkov ..."
	@rm -rf $(CHECKOV)
	@$(INSTALL) --no-deps --target $(CHECKOV) -r $<
	@touch $@

# Outside .venv: it needs other versions of the same packages.
$(AUDIT)/.installed: infra/release/requirements.txt $(BIN)/.installed
	@echo "Installing pip-audit ..."
	@rm -rf $(AUDIT)
	@$(INSTALL) --target $(AUDIT) -r $<
	@touch $@

# Outside .venv, so that mypy and the test suite behave the same with and without it.
$(MUTMUT)/.installed: tests/mutation/requirements.txt $(BIN)/.installed-dev
	@echo "Installing the mutation operators ..."
	@rm -rf $(MUTMUT)
	@$(INSTALL) --no-deps --target $(MUTMUT) -r $<
	@touch $@

$(MUTMUT)/.tested: $(MUTMUT)/.installed $(wildcard tests/mutation/*.py)
	@PYTHONPATH=$(MUTMUT) $(BIN)/python -m pytest -q tests/mutation
	@touch $@
