# Cabinet's tasks. `make` alone lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
# The tests start hundreds of processes, and each would compile all its modules again.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# The packages for comparisons in benchmarks, whose pins conflict with the project's and with each other.
PEERS := .venv-peers
# The frameworks and other clients that the tests use with a service: many packages, which the service does not need.
FRAMEWORKS := .venv-frameworks
GATEWAY := .venv-litellm
NPM_CLIENTS := .npm-clients
# A Python 3.11 or later that can create environments: the one given with PYTHON=…, otherwise the first of these.
PYTHON ?=
CANDIDATES := $(or $(PYTHON),python3.11 python3.12 python3.13 python3)
IS_GOOD := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
# Further arguments for pytest, such as ARGS="-k search -x".
ARGS ?=

.PHONY: help
help: ## List all tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /|/' | awk -F'|' '{ printf "  make %-12s %s\n", $$1, $$2 }'

# Running

.PHONY: install
install: $(VENV)/.installed ## Install the `cabinet` command into .venv, unless it is up to date

.PHONY: demo
demo: install ## Demonstrate Cabinet with its own server and documents
	$(BIN)/cabinet demo

.PHONY: serve
serve: install ## Serve on http://127.0.0.1:8080; settings from the environment and .env
	$(BIN)/cabinet serve

# Developing

# ARGS selects from all tests. Without it, tests/order.py lists the files that only `test-slow` runs.
.PHONY: test
test: $(VENV)/.installed-dev ## Run the tests; ARGS="-k search" selects some, CABINET_POSTGRES_VERSION=16 the older server
	$(BIN)/python -m pytest $(or $(ARGS),-m "not slow")

.PHONY: test-slow
test-slow: $(VENV)/.installed-dev ## Run the tests that kill, wait, build, measure or plant faults, compare plans, or run the documentation's commands
	$(BIN)/python -m pytest -m slow $(ARGS)

.PHONY: test-again
test-again: $(VENV)/.installed-dev ## Run the tests that failed last once more, one after the other
	$(BIN)/python -m pytest --numprocesses=0 --last-failed --last-failed-no-failures=none

# Review the differences: git diff tests/plans/baselines
.PHONY: baseline
baseline: $(VENV)/.installed-dev ## Record the plans of statements on PostgreSQL 18 and 16; ARGS="documents/list search/bits"
	$(BIN)/python -m tests.plans.record $(ARGS)

# The seed determines the faults and their times: ARGS="--seed 7". See `python -m tests.campaigns.chaos --help`.
MINUTES ?= 5
.PHONY: chaos
chaos: $(VENV)/.installed-dev ## Kill, freeze, cut off and fill up for MINUTES=5 while clients work, and check that nothing is lost
	$(BIN)/python -m tests.campaigns.chaos --minutes $(MINUTES) $(ARGS)

# The parts of `check`, which run in parallel: the type checker and the SQL linter take nearly all of the time.
CHECKS := check-types check-sql check-migrations check-statements check-style check-imports check-compose

.PHONY: check
check: $(VENV)/.installed-dev ## Check style, types, SQL, migrations, the direction of imports and the compose files
	@$(MAKE) --no-print-directory --jobs=$(or $(shell nproc),2) --output-sync=target --keep-going $(CHECKS)

.PHONY: $(CHECKS)
check-types:
	$(BIN)/mypy
check-sql:
	$(BIN)/sqlfluff lint --disable-progress-bar sql
check-migrations:
	$(BIN)/sqlfluff lint --disable-progress-bar migrations
	$(BIN)/squawk migrations/*.sql
check-statements:
	$(BIN)/python -m tests.sql.statement_types --check
	$(BIN)/python -m tests.sql.checker
check-style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tests.english
check-imports:
	$(BIN)/lint-imports --no-logo
check-compose:
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml docker/openai.yml

# Unexpected inputs; a run prints its seed, and SEED=… repeats it.
.PHONY: fuzz
MINUTES ?= 5
fuzz: $(VENV)/.installed-fuzz ## Send hostile requests and files to a server; MINUTES=5, SEED=…
	$(BIN)/python -m tests.campaigns.fuzz --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

.PHONY: types
types: $(VENV)/.installed-dev ## Generate the types of the statements from the headers in sql/
	$(BIN)/python -m tests.sql.statement_types

.PHONY: column
column: $(VENV)/.installed-dev ## Draft a migration and add a column to the statements: ARGS="documents source text --given"
	$(BIN)/python -m tests.sql.add_column $(ARGS)

# Review the differences: git diff svc/catalogue. A caller is recorded only if a test runs it, so this runs all tests.
# With only some tests, such as ARGS=tests/routes, it adds the callers in these tests.
.PHONY: record
record: $(VENV)/.installed-dev ## Record the tables and the callers of the statements; ARGS=tests/routes for a part
	$(BIN)/python -m tests.sql.record_tables
	RECORD_CALLERS=write $(BIN)/python -m pytest $(ARGS)
	$(BIN)/python -m tests.test_docs --tables

.PHONY: strangers
strangers: $(VENV)/.installed-dev ## Attack a server with hostile clients, and measure the service for others; ARGS="--seconds 5"
	$(BIN)/python -m tests.campaigns.strangers $(ARGS)

.PHONY: coverage
coverage: $(VENV)/.installed-dev ## Run the tests and show the lines of svc/ that they do not reach
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --skip-empty

.PHONY: schema
schema: $(VENV)/.installed-dev ## Write schema.sql from the migrations
	$(BIN)/python -m tests.database.schema

.PHONY: format
format: $(VENV)/.installed-dev ## Format Python and SQL
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar sql migrations

# Short versions; see `python -m bench.search --help` and so on for the full versions.
.PHONY: bench
bench: $(VENV)/.installed-dev ## Run the short version of each benchmark, about ten minutes; results in bench/results/
	$(BIN)/python -m bench.search --short
	$(BIN)/python -m bench.growth --short
	$(BIN)/python -m bench.ingest --short
	$(BIN)/python -m bench.conversations --short
	$(BIN)/python -m bench.http --short
	$(BIN)/python -m bench.dialogues
	$(MAKE) bench-peers ARGS=--short

.PHONY: bench-peers
bench-peers: $(PEERS)/.installed $(PEERS)-langchain/.installed ## Measure Cabinet against Chroma, LanceDB and langchain-postgres; ARGS=--short
	$(PEERS)/bin/python -m bench.peers $(ARGS)

# About 900 MB and three minutes the first time; `make test` skips these tests until then. Without npm, those of its
# packages are skipped.
.PHONY: frameworks
frameworks: $(VENV)/.installed-dev $(FRAMEWORKS)/.installed $(GATEWAY)/.installed $(NPM_CLIENTS)/.installed ## Install LangChain, LlamaIndex, LiteLLM and packages of npm, and run their tests
	$(BIN)/python -m pytest --numprocesses=0 tests/clients/test_frameworks.py $(ARGS)

.PHONY: wheel
wheel: $(VENV)/.installed-dev ## Build the wheel into dist/
	$(BIN)/python -m build --wheel

.PHONY: constraints
constraints: ## Update constraints.txt to the newest releases, with the oldest supported Python, and the hashes of the image
	python3.11 -m venv --clear $(VENV)-constraints
	$(VENV)-constraints/bin/python -m pip install --quiet --disable-pip-version-check --editable clients/python --editable '.[dev,fuzz,ocr]'
	{ grep '^#' constraints.txt; $(VENV)-constraints/bin/python -m pip freeze --exclude-editable; } > constraints.new
	mv constraints.new constraints.txt
	$(VENV)-constraints/bin/python -m pip install --quiet --disable-pip-version-check uv
	{ grep '^#' docker/requirements.txt; $(VENV)-constraints/bin/uv pip compile --quiet --generate-hashes --no-header \
	    --no-annotate --python-version 3.13 --no-emit-package cabinet-client \
	    --constraint constraints.txt pyproject.toml; } > constraints.new
	mv constraints.new docker/requirements.txt
	rm -rf $(VENV)-constraints

.PHONY: clean
clean: ## Remove everything that these tasks created; the data in .cabinet/ stays
	rm -rf $(VENV) $(VENV)-constraints $(PEERS) $(PEERS)-langchain $(FRAMEWORKS) $(GATEWAY) $(NPM_CLIENTS) build dist *.egg-info
	rm -rf .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find svc tests -type d -name __pycache__ -prune -exec rm -rf {} +

# The environment. The two stamp files record which packages were last installed.

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) --editable clients/python --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP_INSTALL) --editable clients/python --editable '.[dev]'
	@touch $@

$(VENV)/.installed-fuzz: $(VENV)/.installed-dev
	$(PIP_INSTALL) --editable clients/python --editable '.[dev,fuzz]'
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

$(FRAMEWORKS)/.installed: clients/python/framework_tests/constraints.txt clients/python/pyproject.toml | $(BIN)/python
	$(BIN)/python -m venv $(FRAMEWORKS)
	$(FRAMEWORKS)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< \
		langchain-tests mypy --editable 'clients/python[langchain,llamaindex]'
	@touch $@

$(GATEWAY)/.installed: tests/clients/litellm-constraints.txt | $(BIN)/python
	$(BIN)/python -m venv $(GATEWAY)
	$(GATEWAY)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< 'litellm[proxy]'
	@touch $@

$(NPM_CLIENTS)/.installed: tests/clients/node/package.json
	mkdir -p $(NPM_CLIENTS)
	cp $< $(NPM_CLIENTS)/
	! command -v npm >/dev/null || npm install --no-audit --no-fund --silent --prefix $(NPM_CLIENTS)
	@touch $@

$(BIN)/python:
	@for python in $(CANDIDATES); do \
		if "$$python" -c '$(IS_GOOD)' 2>/dev/null; then \
			echo "creating $(VENV) with $$("$$python" --version)"; \
			exec "$$python" -m venv $(VENV); \
		fi; \
	done; \
	echo "Cabinet needs Python 3.11 or later with the venv module; found none among: $(CANDIDATES)." >&2; \
	echo "On Debian and Ubuntu: apt-get install python3.11 python3.11-venv; on macOS: brew install python@3.11." >&2; \
	echo "If it is installed elsewhere: make install PYTHON=/path/to/python3.11" >&2; \
	exit 1
