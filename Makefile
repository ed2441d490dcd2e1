# demo, test, lint and bench on a machine with Python 3.10 to 3.13, make, and nothing else.
# Each target installs what it needs into VENV first, once for each change of pyproject.toml.

VENV ?= .venv
PYTEST_ARGS ?=
EXAMPLE ?= advisor.examples.seed_chunks:seed_job
# The first interpreter that this project supports; PYTHON=... chooses another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10; do \
	$$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& command -v $$python && break; done)

BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed.stamp
INSTALLED_DEV := $(VENV)/installed-dev.stamp

.DELETE_ON_ERROR:
.PHONY: help venv demo test lint format docs dist pictures recording example-profiles bench bench-report bench-fixtures bench-ways bench-gates \
	bench-gates-fixtures bench-diagnoses bench-distributed bench-scripted bench-storages bench-own-calibration bench-simulated bench-signals bench-early-stop \
	docs-codes clean

help:
	@echo 'make demo    profile an example (EXAMPLE=module:job chooses which)'
	@echo 'make test    run the tests (PYTEST_ARGS="-k text")'
	@echo 'make test-matrix  part of the tests on each Python here, with the oldest and the newest'
	@echo '             Dagster, into docs/test-matrix.md; needs uv. MATRIX="--python 3.10 -- tests/x"'
	@echo 'make lint    ruff, mypy, import-linter, deptry'
	@echo 'make bench   hold predictions against real runs, for hours; what is measured already is'
	@echo '             not measured again. A part of it: WORKLOAD=name REPEATS=1 QUICK=1 MINUTES=30;'
	@echo '             ten random workloads, on which nothing was tuned: RANDOM=SEED'
	@echo '             bench-report writes docs/accuracy.md from what there is, bench-fixtures the'
	@echo '             recorded runs that the tests use'
	@echo 'make docs    the documentation as a site, in site/'
	@echo 'make pictures  the pages of `report` and `analyze` as pictures in docs/; needs Chromium'
	@echo 'make recording  a profile as a terminal shows it, into docs/live-table.md'
	@echo 'make example-profiles'
	@echo '             measure the profiles that profiles/ ships, and the picture of the README'
	@echo 'make dist    wheel and sdist, checked, with the demo run from the wheel'
	@echo 'make docs-codes  write docs/codes.md from the rules'
	@echo 'make bench-diagnoses'
	@echo '             provoke each diagnosis of `dynadvise analyze` by a real run (5 to 10 minutes)'
	@echo 'make bench-gates real gates of unchanged and of slowed code, into docs/gates.md, for half'
	@echo '             an hour; it resumes. A part of it: GATES=20 SLOW=5 MINUTES=10. bench-gates-'
	@echo '             fixtures adds 20 pairs an op to the recording that the tests replay (4 min)'
	@echo 'make bench-scripted  Dagster own parent loop with scripted children, 16 to 64 in parallel, up'
	@echo '             to 10,000 items, into docs/scripted-children.md; it resumes. ITEMS=1000: no more'
	@echo 'make bench-storages  Postgres behind a slow network and a slow IO manager, predicted beside real'
	@echo 'make bench-own-calibration  does the model reproduce its own calibration on 0.5 to 2 cores'
	@echo 'make bench-simulated  predictions and advice from samples of synthetic lists beside the simulation of all'
	@echo '             items, into docs/model-evidence.md (minutes, no real run)'
	@echo 'make bench-distributed  pods, containers and tasks: predictions beside real runs, into'
	@echo '             docs/distributed.md; it resumes (30 minutes). A part of it: KIND=celery MINUTES=5'
	@echo 'make bench-early-stop  early stop against the whole budget in pairs, into docs/early-stop.md;'
	@echo '             it resumes (30 min). A part of it: WORKLOAD=name RANDOM=SEED MINUTES=10'
	@echo 'make bench-signals  Ctrl-C and SIGTERM at 100 random moments, into docs/reliability.md (50 min);'
	@echo '             it resumes. A part of it: TRIALS=20 MINUTES=10'
	@echo 'make bench-ways  every way to run each example in real seconds, into docs/ways.md; a part'
	@echo '             of it: WORKLOAD=csv_job REPEATS=1 MINUTES=10'

venv: $(INSTALLED_DEV)

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'No Python 3.10 to 3.13 found; name one: make PYTHON=...'; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

# Groups need a pip that older environments do not have.
$(INSTALLED_DEV): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $(INSTALLED) $@

demo: $(INSTALLED)
	$(BIN)/dynadvise profile --yes $(EXAMPLE)

test: $(INSTALLED_DEV)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-matrix: $(INSTALLED_DEV)
	$(BIN)/python bench/matrix.py $(MATRIX)

lint: $(INSTALLED_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

format: $(INSTALLED_DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED_DEV)
	$(BIN)/python bench/run.py measure $(if $(WORKLOAD),--workload $(WORKLOAD)) \
		$(if $(REPEATS),--repeats $(REPEATS)) $(if $(MINUTES),--minutes $(MINUTES)) \
		$(if $(QUICK),--quick) $(if $(RANDOM),--random $(RANDOM))
	$(BIN)/python bench/run.py report
	$(if $(RANDOM),$(BIN)/python bench/unseen.py)

bench-report: $(INSTALLED_DEV)
	$(BIN)/python bench/run.py report

bench-fixtures: $(INSTALLED_DEV)
	$(BIN)/python bench/run.py fixtures

bench-ways: $(INSTALLED_DEV)
	$(BIN)/python bench/ways.py measure $(if $(WORKLOAD),--example $(WORKLOAD)) \
		$(if $(REPEATS),--repeats $(REPEATS)) $(if $(MINUTES),--minutes $(MINUTES))
	$(BIN)/python bench/ways.py report

bench-gates: $(INSTALLED_DEV)
	$(BIN)/python bench/gates.py static
	$(BIN)/python bench/gates.py measure $(if $(GATES),--gates $(GATES)) \
		$(if $(SLOW),--slow $(SLOW)) $(if $(MINUTES),--minutes $(MINUTES))
	$(BIN)/python bench/gates.py report

bench-scripted: $(INSTALLED_DEV)
	$(BIN)/python bench/scripted_children.py $(if $(ITEMS),--most-items $(ITEMS))

bench-storages: $(INSTALLED_DEV)
	$(BIN)/python bench/storages.py

bench-own-calibration: $(INSTALLED_DEV)
	$(BIN)/python bench/own_calibration.py

bench-simulated: $(INSTALLED_DEV)
	$(BIN)/python bench/simulated_calibration.py
	$(BIN)/python bench/simulated_choice.py

bench-gates-fixtures: $(INSTALLED_DEV)
	$(BIN)/python bench/gates.py record

bench-diagnoses: $(INSTALLED_DEV)
	$(BIN)/python bench/diagnoses.py

bench-signals: $(INSTALLED_DEV)
	$(BIN)/python bench/signals.py measure $(if $(TRIALS),--trials $(TRIALS)) \
		$(if $(MINUTES),--minutes $(MINUTES))
	$(BIN)/python bench/signals.py report

bench-early-stop: $(INSTALLED_DEV)
	$(BIN)/python bench/early_stop.py measure $(if $(WORKLOAD),--only $(WORKLOAD)) \
		$(if $(RANDOM),--random $(RANDOM)) $(if $(MINUTES),--minutes $(MINUTES))
	$(BIN)/python bench/early_stop.py report

bench-distributed: $(INSTALLED_DEV)
	$(BIN)/python bench/distributed.py measure $(if $(MINUTES),--minutes $(MINUTES)) \
		$(if $(KIND),--kind $(KIND)) $(if $(REPEATS),--repeats $(REPEATS))
	$(BIN)/python bench/distributed.py report

docs-codes: $(INSTALLED)
	$(BIN)/python bench/codes.py

docs: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --group docs
	$(BIN)/python -m mkdocs build --strict --quiet

pictures: $(INSTALLED_DEV)
	$(BIN)/python -m pip install --quiet --group docs
	$(BIN)/python bench/pictures.py

recording: $(INSTALLED_DEV)
	$(BIN)/python -m pip install --quiet --group docs
	$(BIN)/python bench/recording.py

example-profiles: $(INSTALLED)
	$(BIN)/python bench/example_profiles.py
	$(BIN)/dynadvise recommend advisor.examples.seed_chunks:seed_job -o docs/seed-job.svg

dist: $(INSTALLED)
	rm -rf dist
	$(BIN)/python -m pip install --quiet --group release
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	$(PYTHON) -m venv --clear build/venv
	build/venv/bin/python -m pip install --quiet dist/*.whl
	cd build && venv/bin/dynadvise profile --yes --no-save $(EXAMPLE)

clean:
	rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
