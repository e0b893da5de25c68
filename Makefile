# Front door. `make help` lists the targets; every target sets up .venv by itself.

STUDY ?= demo
SET ?=
ifndef CORES
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
endif
PROFILE ?= default
PYTHON ?= python3
LAB ?=
# An NVIDIA driver brings nvidia-smi. GPU=0 leaves CUDA's libraries out; GPU=1 asks for them where
# no driver is, as on a cluster's login node, and has each training of a cluster ask for a GPU.
ifndef GPU
GPU := $(shell nvidia-smi >/dev/null 2>&1 && echo 1 || echo 0)
endif
# Beside a driver's, a GPU that somebody asks for is one for each training of a cluster.
GPUS := $(if $(filter environment command,$(origin GPU)),--config gpu="$$GPU")
# A value is text: make expands nothing in it, and commands take it from their environment, so that
# no shell reads it either.
VALUES := STUDY SET CORES PROFILE PYTHON LAB GPU
$(foreach name,$(VALUES),$(eval override $(name) := $$(value $(name))))
export $(VALUES)
PINS = .venv/pins $(if $(filter 1,$(GPU)),.venv/gpu)
BIN := .venv/bin
# Beside a cluster, CORES is for what runs here: --cores would also bind the cluster's jobs.
SNAKEMAKE = $(BIN)/snakemake --snakefile workflow/Snakefile \
	$(if $(filter default,$(PROFILE)),--cores,--local-cores) "$$CORES" \
	--workflow-profile workflow/profiles/$(or $(filter $(PROFILES),$(PROFILE)), \
	$(error PROFILE is to be one of: $(PROFILES))) $(GPUS)
RUN = $(SNAKEMAKE) -- $(1) || { status=$$?; test ! -d .snakemake/locks || \
	echo "If the directory cannot be locked: wait for the other build in it, or, where that was killed, make unlock." >&2; \
	exit $$status; }
PROFILES = $(notdir $(wildcard workflow/profiles/*))
BUILD = "build/$$($(BIN)/covidcxr name --set="$$SET" -- "$$STUDY")"

.DEFAULT_GOAL := help
.PHONY: help pins setup book pdf train test stress lint lock lab vulnerabilities bom licences unlock clean clean-all

help: ## list the targets
	@echo "The executable edition of a paper on COVID-19 and chest X-rays."
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | \
		awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo
	@echo "  STUDY=demo|paper|paper-scratch|small|replicates|sensitivity|FILE.yaml   SET=\"epochs=1 image_size=64\"   CORES=2"
	@echo "  RERUN=1 makes records anew that answer to something else, and keeps the old ones beside them"
	@echo "  PROFILE=slurm|kubernetes fans the trainings out over a cluster"
	@echo "  GPU=0 sets up no CUDA where there is an NVIDIA driver, GPU=1 sets it up where there is none"
	@echo "  COVIDCXR_DATA=FOLDER with class folders COVID19 and NORMAL, for the paper's studies"

setup: .venv/ready ## make .venv with everything in it

pins: $(PINS)

# Two steps, so that a change of a tool's settings in pyproject.toml fetches nothing anew.
.venv/pins: requirements.lock
	@echo "Setting up .venv, once: one to five minutes on two idle cores (longer on a slow line) and 4 GB"
	@echo "on the disk. Nothing is printed meanwhile."
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --clear --python "$$PYTHON" .venv && \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock ; \
	else \
		"$$PYTHON" -m venv --clear .venv && \
		$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements.lock ; \
	fi
	@# TensorFlow imports three times as fast from compiled bytecode, which some systems never write.
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null 2>&1 || true
	@touch $@

# CUDA's libraries, beside a TensorFlow that finds them by itself.
.venv/gpu: .venv/pins requirements-gpu.lock
	@echo "GPU=1: installing CUDA's libraries (GPU=0 leaves them out)"
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-gpu.lock ; \
	else \
		$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements-gpu.lock ; \
	fi
	@touch $@

.venv/ready: $(PINS) pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
		$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

book: setup ## render the book of STUDY (demo: minutes, no download)
	$(call RUN,all)
	@book=$(BUILD)/_build/html/index.html; test ! -f "$$book" || echo "The book: $$book"

pdf: setup ## set the book of STUDY for paper (needs xelatex)
	@$(BIN)/covidcxr press
	$(call RUN,pdf)
	@echo "The book: "$(BUILD)/book.pdf

train: setup ## run STUDY's trainings without rendering the book
	$(call RUN,trainings)

# Tests run side by side, so that threads of one would only wait for those of another.
test: lint ## check style and types, then run all tests, the demo book included
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

stress: setup ## kill commands at random moments for an hour, and write down what was survived
	PYTHONPATH=. $(BIN)/python benchmarks/stress.py

lint: setup ## check style, types and spelling, notebooks too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/nbqa mypy notebooks
	$(BIN)/nbstripout --verify notebooks/*/*.ipynb
	$(BIN)/codespell
	$(BIN)/covidcxr prose

RESOLVE = uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --quiet

lock: ## resolve the pins anew (needs uv)
	$(RESOLVE) pyproject.toml --extra dev --extra cluster --extra dicom --extra lab --output-file requirements.lock
	echo 'tensorflow[and-cuda]' | $(RESOLVE) - --constraint requirements.lock --output-file requirements-gpu.lock

lab: setup ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab $$LAB notebooks

# These tools are fetched for the moment and stand in no lock of ours. A pin that could not be looked up is a
# failure (--strict), else a network without PyPI's own answers would pass for one without faults.
vulnerabilities: ## look up known faults of the pinned packages (needs uv and the network)
	uvx pip-audit --requirement requirements.lock --requirement requirements-gpu.lock --require-hashes --disable-pip --strict

bom: ## write the pins as a bill of materials, build/bom.cdx.json, in CycloneDX (needs uv)
	@mkdir -p build
	uvx --from cyclonedx-bom cyclonedx-py requirements requirements.lock \
		--output-reproducible --output-file build/bom.cdx.json

licences: setup ## write what is installed under which licence, build/licences.csv
	@mkdir -p build
	$(BIN)/python -m covidcxr.core.licences > build/licences.csv

unlock: setup ## free the folder of the lock of a build that was killed
	@STUDY=demo SET= $(SNAKEMAKE) --unlock

clean: ## remove what was built, but no record and no checkpoint
	rm -rf book/run .snakemake
	test ! -d build || find build -mindepth 1 -maxdepth 1 ! -name scratch -exec rm -rf {} +
	@test ! -d build/scratch || echo "Checkpoints and features stay in build/scratch; make clean-all removes them."

clean-all: ## remove checkpoints and features too
	rm -rf build book/run .snakemake
	@echo "Checkpoints and features are removed too: what was interrupted begins anew."
