# Cabinet's tasks. `make` alone lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# The peers of the benchmarks, whose pins conflict with the project's and with each other's.
PEERS := .venv-peers
# A Python of 3.11 or later that can make environments: the one given with PYTHON=…, else the first of these.
PYTHON ?=
CANDIDATES := $(or $(PYTHON),python3.11 python3.12 python3.13 python3)
IS_GOOD := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
# More for pytest, such as ARGS="-k search -x".
ARGS ?=

.PHONY: help
help: ## List the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /|/' | awk -F'|' '{ printf "  make %-12s %s\n", $$1, $$2 }'

# Running

.PHONY: install
install: $(VENV)/.installed ## Make .venv with the `cabinet` command; nothing to do when it is up to date

.PHONY: demo
demo: install ## Show what Cabinet does, on a server and documents of its own
	$(BIN)/cabinet demo

.PHONY: serve
serve: install ## Serve on http://127.0.0.1:8080; settings from the environment and .env
	$(BIN)/cabinet serve

# Developing

.PHONY: test
test: $(VENV)/.installed-dev ## Run the tests; on the older server with CABINET_POSTGRES_VERSION=16; ARGS="-k search"
	$(BIN)/python -m pytest $(ARGS)

# What differs is for a person to read: git diff tests/plans/baselines
.PHONY: baseline
baseline: $(VENV)/.installed-dev ## Record the plans of statements anew, on PostgreSQL 18 and 16; ARGS="documents/list search/bits"
	$(BIN)/python -m tests.plans.record $(ARGS)

.PHONY: check
check: $(VENV)/.installed-dev ## Check style, types, SQL, migrations and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tests.sql.statement_types --check
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar sql migrations
	$(BIN)/squawk migrations/*.sql
	$(BIN)/python -m tests.sql.checker
	$(BIN)/lint-imports --no-logo

.PHONY: types
types: $(VENV)/.installed-dev ## Write the types of the statements from the headers of sql/
	$(BIN)/python -m tests.sql.statement_types

# What differs is for a person to read: git diff svc/catalogue. Who runs what is seen only where a test runs it, so this
# runs all tests; with some, such as ARGS=tests/routes, it adds what these see.
.PHONY: record
record: $(VENV)/.installed-dev ## Record the tables of the statements and who runs them; ARGS=tests/routes for a part
	$(BIN)/python -m tests.sql.record_tables
	RECORD_CALLERS=write $(BIN)/python -m pytest $(ARGS)
	$(BIN)/python -m tests.test_docs --tables

.PHONY: coverage
coverage: $(VENV)/.installed-dev ## Run the tests and show which lines of svc/ they do not reach
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --skip-empty

.PHONY: schema
schema: $(VENV)/.installed-dev ## Write schema.sql anew from the migrations
	$(BIN)/python -m tests.database.schema

.PHONY: format
format: $(VENV)/.installed-dev ## Put Python and SQL into the project's style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar sql migrations

# Short versions; `python -m bench.search --help` and so on for the full ones.
.PHONY: bench
bench: $(VENV)/.installed-dev ## Run every benchmark in its short version, some ten minutes; results in bench/results/
	$(BIN)/python -m bench.search --short
	$(BIN)/python -m bench.growth --short
	$(BIN)/python -m bench.ingest --short
	$(BIN)/python -m bench.conversations --short
	$(BIN)/python -m bench.http --short
	$(MAKE) bench-peers ARGS=--short

.PHONY: bench-peers
bench-peers: $(PEERS)/.installed $(PEERS)-langchain/.installed ## Measure Cabinet against Chroma, LanceDB and langchain-postgres; ARGS=--short
	$(PEERS)/bin/python -m bench.peers $(ARGS)

.PHONY: wheel
wheel: $(VENV)/.installed-dev ## Build the wheel into dist/
	$(BIN)/python -m build --wheel

.PHONY: constraints
constraints: ## Renew constraints.txt with the newest releases; with the oldest Python supported
	python3.11 -m venv --clear $(VENV)-constraints
	$(VENV)-constraints/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	{ grep '^#' constraints.txt; $(VENV)-constraints/bin/python -m pip freeze --exclude-editable; } > constraints.new
	mv constraints.new constraints.txt
	rm -rf $(VENV)-constraints

.PHONY: clean
clean: ## Remove what these tasks made; the data in .cabinet/ stays
	rm -rf $(VENV) $(VENV)-constraints $(PEERS) $(PEERS)-langchain build dist *.egg-info
	rm -rf .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find svc tests -type d -name __pycache__ -prune -exec rm -rf {} +

# The environment. The two stamps say with which packages it was last filled.

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $@

$(PEERS)/.installed: bench/peers-constraints.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< \
		chromadb lancedb matplotlib --editable .
	@touch $@

$(PEERS)-langchain/.installed: bench/langchain-constraints.txt | $(BIN)/python
	$(BIN)/python -m venv $(PEERS)-langchain
	$(PEERS)-langchain/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< langchain-postgres
	@touch $@

$(BIN)/python:
	@for python in $(CANDIDATES); do \
		if "$$python" -c '$(IS_GOOD)' 2>/dev/null; then \
			echo "making $(VENV) with $$("$$python" --version)"; \
			exec "$$python" -m venv $(VENV); \
		fi; \
	done; \
	echo "Cabinet needs Python 3.11 or later with its venv module; none of these is one: $(CANDIDATES)." >&2; \
	echo "On Debian and Ubuntu: apt-get install python3.11 python3.11-venv; on macOS: brew install python@3.11." >&2; \
	echo "One that is elsewhere: make install PYTHON=/path/to/python3.11" >&2; \
	exit 1
