# make help lists the targets. Needs only Python >= 3.11 (with venv), make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install install-scoring wheel airflow mlflow mlflow-server run test pythons lowest coverage numeric faults \
	integration lint nights viz lock benchmark-tools benchmark-torch

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 17

PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r
INSTALL_PROJECT = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .

# After an installation the stamp is newer than the lock and pyproject.toml. The lock is complete: with
# --no-deps pip installs nothing else, and no newer release that a dependency allows.
CHECK_PYTHON = @$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	{ echo "Python 3.11 to 3.13 is needed, $$($(PYTHON) --version) came; try make PYTHON=python3.12 ..."; exit 1; }

$(INSTALLED): requirements.lock pyproject.toml
	$(CHECK_PYTHON)
	@echo "Installing the $$(grep -c == requirements.lock) packages of requirements.lock in $(VENV):" \
		"3.3 GB on disk, of which TensorFlow has 2.0, in some 2 minutes on two cores"
	$(PYTHON) -m venv $(VENV)
	@{ PYTHONUNBUFFERED=1 $(BIN)/python -m pip install --disable-pip-version-check --require-hashes --no-deps \
		-r requirements.lock || echo failed; } | { count=0; while read -r word rest; do last=$$word; case $$word in \
			Collecting) count=$$((count + 1)); [ $$((count % 20)) -ne 0 ] || echo "$$count packages downloaded" ;; \
			Installing) echo "unpacking all packages" ;; esac; done; [ "$$last" != failed ]; }
	$(INSTALL_PROJECT)
	@touch $@

install: $(INSTALLED) ## Create .venv and install what the lock pins

# What only tests and developers need is not there for runs: Kedro imports ibis wherever it is installed.
WITH_TESTS := $(VENV)/.with-tests

$(WITH_TESTS): $(INSTALLED) requirements-tests.lock
	$(BIN)/python $(PIP_INSTALL) requirements-tests.lock
	@touch $@

# A host that only scores: without TensorFlow, Keras, matplotlib and Kedro-Viz.
SCORING := $(VENV)/.scoring

$(SCORING): requirements-scoring.lock pyproject.toml
	@[ ! -e $(INSTALLED) ] || { echo "$(VENV) has the full installation, which scores too." \
		"To have both: make install-scoring VENV=.venv-scoring"; exit 1; }
	$(CHECK_PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) requirements-scoring.lock
	$(INSTALL_PROJECT)
	@touch $@

install-scoring: $(SCORING) ## Create .venv with what scoring, monitoring, rollback and profile need

# In an environment of its own, so that it needs no installation.
wheel: ## Build dist/tabular_lstm-*.whl, which has the starter of a project
	$(CHECK_PYTHON)
	rm -rf build dist
	$(PYTHON) -m venv .venv-build
	.venv-build/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps -w dist .
	rm -rf build .venv-build

run: $(INSTALLED) ## Train and judge on the data that the repo ships (kedro run)
	$(BIN)/kedro run

IN_TWO := pytest -n 2 --dist worksteal
TESTS := $(IN_TWO) -m "not faults and not long and not integration"

test: $(WITH_TESTS) ## Run all tests but the long ones
	$(BIN)/$(TESTS) $(COVERAGE)

PYTHONS := python3.12 python3.13

pythons: ## Run the same tests with Python 3.12 and 3.13, if they are installed
	@for python in $(PYTHONS); do \
		if ! $$python -c "import ensurepip" 2>/dev/null; then \
			echo "Skipped $$python: no $$python with venv on the PATH"; continue; fi; \
		$(MAKE) test PYTHON=$$python VENV=.venv-$$python || exit 1; done

# Python 3.11, because not all lowest versions have wheels for a newer Python.
LOWEST := .venv-lowest/.lowest

$(LOWEST): $(WITH_TESTS)
	$(BIN)/uv venv --quiet --clear --python 3.11 --no-python-downloads $(@D)
	$(BIN)/uv pip install --quiet --python $(@D)/bin/python --resolution lowest-direct \
		-e ".[fast,cluster,object-storage,viz,notebook,dev]"
	@touch $@

lowest: $(LOWEST) ## Run the same tests with the lowest versions that pyproject.toml allows
	.venv-lowest/bin/$(TESTS)

coverage: ## Run the same tests, and fail if they reach less than 95 % of the code
	$(MAKE) test COVERAGE="--cov --cov-report=term"

# The processor decides which code of NumPy and OpenBLAS runs: here the code for older processors. If this
# processor or this NumPy does not know a name, it only warns. The tests of layers, members and training are
# not here: TensorFlow computes their numbers, and these variables do not change TensorFlow. Building and
# calibrating use no matrix products that differ, so the second run is enough for them. The kernel is compiled
# without BLAS: only what NumPy computes beside it may differ.
NUMERIC := tests/network/test_score.py \
	tests/network/test_kernel.py::test_the_kernel_answers_as_numpy_does_in_float64 \
	tests/network/test_kernel.py::test_many_rows_are_computed_by_the_kernel_and_few_by_numpy \
	tests/test_classifier.py::test_with_the_defaults_a_row_has_one_probability \
	tests/test_run.py::test_another_processor_judges_the_same_candidate_to_the_same_bytes \
	tests/test_retraining.py::test_what_is_read_back_gives_the_probabilities_that_were_judged
BUILT := tests/network/test_build.py tests/network/test_calibration.py
NO_WIDE_UNITS := X86_V3 X86_V4 AVX2 FMA3 AVX512F AVX512_SKX

numeric: $(WITH_TESTS) ## Run the numeric tests as on other processors
	OPENBLAS_CORETYPE=Haswell $(BIN)/$(IN_TWO) $(NUMERIC)
	OPENBLAS_CORETYPE=Prescott NPY_DISABLE_CPU_FEATURES="$(NO_WIDE_UNITS)" \
		$(BIN)/$(IN_TWO) $(NUMERIC) $(BUILT)

faults: $(WITH_TESTS) ## Run the long tests: faults, the documents' code, whole nights
	$(BIN)/$(IN_TWO) -m "(faults or long) and not integration"

# Airflow has an environment of its own: Airflow starts the project's command, and imports none of its code.
AIRFLOW := .venv-airflow/.installed

$(AIRFLOW): deploy/airflow/requirements.lock
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP_INSTALL) $<
	@touch $@

airflow: $(AIRFLOW) ## Install Airflow in .venv-airflow

# MLflow's client is installed in .venv, MLflow's server in an environment of its own.
MLFLOW := $(VENV)/.mlflow
MLFLOW_SERVER := .venv-mlflow/.installed

$(MLFLOW): $(INSTALLED) deploy/mlflow/requirements.lock
	$(BIN)/python $(PIP_INSTALL) deploy/mlflow/requirements.lock
	@touch $@

$(MLFLOW_SERVER): deploy/mlflow/server.lock
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP_INSTALL) $<
	@touch $@

mlflow: $(MLFLOW) ## Install MLflow's client, for environments with a block mlflow

mlflow-server: $(MLFLOW_SERVER) ## Install MLflow's server in .venv-mlflow

# Each server is started once: the tests of a file stay together, in the order of the files.
integration: $(WITH_TESTS) $(MLFLOW) $(MLFLOW_SERVER) $(AIRFLOW) ## Run the tests that need servers or schedulers
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m integration tests/integration tests/test_docs.py

lint: $(WITH_TESTS) ## Check style, types, import rules and notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/nbstripout --verify notebooks/*.ipynb

nights: $(INSTALLED) ## Replay sixty nights of a growing table, and leave a site in nights/
	$(BIN)/python benchmarks/nights.py

viz: $(INSTALLED) ## Show the pipeline in the browser (kedro viz run)
	$(BIN)/kedro viz run

benchmark-tools: $(WITH_TESTS) ## Install the peers and data sets of benchmarks/
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		-r benchmarks/requirements.lock

# PyTorch has an environment of its own: only some of the methods of benchmarks/ use PyTorch.
TORCH := .venv-torch/.installed

$(TORCH): benchmarks/torch.lock
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP_INSTALL) $<
	@touch $@

benchmark-torch: $(TORCH) ## Install RealMLP and pytorch-lifestream for benchmarks/ in .venv-torch

COMPILE_ALONE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --quiet \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
COMPILE := $(COMPILE_ALONE) pyproject.toml
# These pins hold too for what is installed into the same environment.
PINNED := --constraint requirements.lock --constraint requirements-tests.lock

lock: $(WITH_TESTS) ## Pin the newest versions that pyproject.toml allows
	$(COMPILE) --extra fast --extra cluster --extra object-storage --extra viz --extra notebook --upgrade -o requirements.lock
	$(COMPILE) --extra dev --constraint requirements.lock --upgrade -o requirements-tests.lock
	$(COMPILE) --extra benchmark $(PINNED) -o benchmarks/requirements.lock
	$(COMPILE_ALONE) benchmarks/torch.in --upgrade -o benchmarks/torch.lock
	$(COMPILE) --extra fast --constraint requirements.lock -o deploy/container/requirements.lock
	$(COMPILE_ALONE) --group scoring --constraint requirements.lock -o requirements-scoring.lock
	$(COMPILE_ALONE) deploy/airflow/requirements.in --upgrade -o deploy/airflow/requirements.lock
	$(COMPILE) --extra mlflow $(PINNED) -o deploy/mlflow/requirements.lock
	$(COMPILE_ALONE) deploy/mlflow/server.in --upgrade -o deploy/mlflow/server.lock
