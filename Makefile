PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt
LOG ?= examples/traffic.jsonl

.PHONY: audit serve test check format bench clean

audit: .venv/installed  ## the bill of a log: make audit LOG=path/or/glob
	$(BIN)/aligntax audit $(LOG)

serve: .aligntax-example/ledger.db  ## the dashboard over the example: its bill, held to its policy
	$(BIN)/aligntax serve --ledger .aligntax-example --open

.aligntax-example/ledger.db: .venv/installed-serve
	$(BIN)/aligntax gate examples/traffic.jsonl --policy examples/aligntax.toml --ledger $(@D) || [ $$? = 3 ]

test: check  ## everything CI runs
	$(BIN)/python -m pytest -n auto

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/installed-dev  ## the figures of benchmarks/audit: 20 minutes, 30 GB of disk
	$(BIN)/python benchmarks/audit/run.py

clean:
	rm -rf .venv .aligntax-example report.html bill.json outcomes.parquet

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("aligntax needs Python 3.11 or later") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing aligntax into .venv (once)"
	$(PIP) -e .
	@touch $@

.venv/installed-serve: .venv/installed
	@echo "installing what the dashboard needs (once)"
	$(PIP) -e '.[serve]'
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "installing what the tests need (once)"
	$(PIP) -e '.[dev]'
	@touch $@
