# Needs git, make and Python >= 3.11; everything else is fetched into .venv.
PYTHON ?= python3
VENV := .venv
UV := $(VENV)/bin/uv
RUN := $(VENV)/bin/python -m
export UV_PROJECT_ENVIRONMENT := $(VENV)

.PHONY: setup demo test check bench faults oracle fuzz client pictures clean

setup: $(VENV)/.synced ## the locked dependencies in .venv

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "interlock needs Python >= 3.11; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check uv

$(VENV)/.synced: pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --locked --inexact
	@touch $@

demo: setup ## the main job on a generated clinic, then the board on 127.0.0.1
	$(VENV)/bin/interlock demo

test: setup ## every test
	$(RUN) pytest -n 2

check: setup ## lint, types, import directions
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(VENV)/bin/lint-imports

bench: setup ## every benchmark; writes benchmarks/results
	$(RUN) benchmarks

FRACTION ?= 1
faults: setup ## races and faults at full size; FRACTION=0.1 makes a tenth of it
	INTERLOCK_FAULTS=$(FRACTION) $(RUN) pytest -rA --durations=0 tests/races tests/faults

oracle: setup ## the slot finder against its oracle on 100,000 random worlds
	INTERLOCK_WORLDS=100000 $(RUN) pytest -q tests/solver/test_oracle.py -k random_worlds_agree

CASES ?= 50000
fuzz: setup ## requests of all kinds at a running server, drawn from the OpenAPI document; CASES=1000 sends fewer
	INTERLOCK_CASES=$(CASES) $(RUN) pytest -q -s tests/service/api/test_fuzz.py

client: setup ## a client generated from the OpenAPI document books a slot; its generator is fetched with uvx
	$(RUN) pytest -q tests/service/api/generated_client.py

pictures: setup ## every page at three widths, into docs/pictures
	$(RUN) pytest tests/e2e/pictures.py

clean:
	rm -rf $(VENV)
