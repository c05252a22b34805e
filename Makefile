# Each target makes .venv and installs what it needs by itself; the second time it is quick.
# Needs a Python from 3.11 on, and nothing else. Another interpreter: make demo PYTHON=python3.13
# Arguments for the program that is run:                               make test ARGS="-k journal"

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test lint format bench docs constraints clean

ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL = PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check
SENDERS := $(if $(wildcard tests/senders_js/package.json),tests/senders_js/node_modules/.installed)
SENDERS += $(VENV)/instrumentations/.installed
VSCODE := tests/vscode/node_modules

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.has-server ## start receiver and pages, send the sample sessions, show what arrived
	@$(BIN)/argus-lab demo $(ARGS)

# A process of tests that dies has failed; another in its place may be given nothing to do, and never end.
test: $(VENV)/.has-test $(VENV)/.has-programs $(SENDERS) $(VSCODE)/.installed ## run every test: real senders, Spark, notebooks, a browser
	@$(BIN)/python -m pytest -n auto --dist loadfile --max-worker-restart 0 $(ARGS)

lint: $(VENV)/.has-test ## ruff and strict mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/.has-test ## let ruff put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.has-test ## measure this machine: receiving, visibility, reading
	@$(BIN)/python -m bench $(ARGS)

docs: $(VENV)/.has-test $(VENV)/.has-programs ## write generated pages anew, build the site, run the code in all pages
	@$(BIN)/python docs/generate.py
	@$(BIN)/python docs/website.py
	@$(BIN)/python -m pytest -q tests/house/test_docs.py tests/house/test_measure_pages.py tests/house/test_site.py

constraints: $(VENV)/.has-test ## look up newer versions of everything, into constraints.txt
	@$(PIP_INSTALL) uv
	@$(BIN)/python docs/generate.py --constraints

clean: ## remove .venv, caches and installed npm packages (no lake)
	rm -rf $(VENV) tests/senders_js/node_modules $(VSCODE) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- what the targets stand on ----------------------------------------------------------------

$(VENV)/.made:
	@set -e; found=; tried="$(if $(PYTHON),$(PYTHON),python3 python3.13 python3.12 python3.11)"; \
	for name in $$tried; do \
	    if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$name; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "Argus Lab needs Python 3.11 or newer. Tried:" >&2; \
	    for name in $$tried; do echo "    $$name: $$("$$name" --version 2>&1 | head -n 1)" >&2; done; \
	    echo "Install one, or name it:  make $(firstword $(MAKECMDGOALS)) PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi; \
	rm -rf $(VENV); echo "making $(VENV) with $$("$$found" --version)"; \
	if ! "$$found" -m venv $(VENV); then \
	    rm -rf $(VENV); \
	    echo "This Python cannot make a virtual environment. On Debian and Ubuntu:  apt-get install python3-venv" >&2; exit 1; \
	fi
	@touch $@

$(VENV)/.has-server: $(VENV)/.made pyproject.toml constraints.txt
	@echo "installing the library, the receiver and the pages into $(VENV)"
	@$(PIP_INSTALL) -e '.[server,dash]'
	@touch $@

$(VENV)/.has-test: $(VENV)/.made pyproject.toml constraints.txt
	@echo "installing the library, the receiver and the tests' tools into $(VENV)"
	@$(PIP_INSTALL) -e '.[server,test]'
	@touch $(VENV)/.has-server $@

# PySpark needs Java, and what people see is tested in a browser. Without them the tests still start;
# those that need one then fail, and say so.
$(VENV)/.has-programs: $(VENV)/.made
	@set -e; missing=; \
	command -v java >/dev/null || missing="default-jre-headless"; \
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$$missing chromium"; \
	if [ -n "$$missing" ] && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    echo "installing $$missing for the tests"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } >/dev/null; \
	elif [ -n "$$missing" ]; then \
	    echo "the tests that need these programs will fail; install them and run this again: $$missing" >&2; exit 0; \
	fi; \
	touch $@

# Instrumentations of other makers ask for versions of their own, so they have an environment of their own.
$(VENV)/instrumentations/.installed: $(VENV)/.made tests/instrumentations/requirements.txt
	@echo "installing the instrumentations whose spans the tests read into $(@D)"
	@rm -rf $(@D) && $(BIN)/python -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/instrumentations/requirements.txt
	@touch $@

# Without Node.js the tests still start; those that need a package of it then fail, and say why.
$(VENV)/.has-node: $(VENV)/.made
	@if ! command -v npm >/dev/null && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    echo "installing Node.js for the tests that need packages of npm"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm; } >/dev/null || true; \
	fi
	@if command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then \
	    touch $@; \
	else \
	    echo "Node.js 20 with npm was not found (node: $$(node --version 2>&1)): the tests that send with the" >&2; \
	    echo "JavaScript SDK, and those of VS Code's widgets, will fail. Install it and run this again." >&2; \
	fi

tests/senders_js/node_modules/.installed: $(VENV)/.has-node tests/senders_js/package.json
	@if [ -e $(VENV)/.has-node ]; then \
	    cd $(@D)/.. && npm install --no-package-lock --no-audit --no-fund --loglevel=error && touch node_modules/.installed; \
	fi

# Each is a bundle that needs none of the packages it names (300, with 350 MB), so each is unpacked alone.
$(VSCODE)/.installed: $(VENV)/.has-node tests/vscode/package.json
	@if [ -e $(VENV)/.has-node ]; then \
	    set -e; echo "unpacking what VS Code shows widgets with into $(@D)"; \
	    rm -rf $(@D); mkdir -p $(@D); cd $(@D); \
	    for package in $$(node -p 'Object.entries(require("../package.json").dependencies).map((each) => each.join("@")).join(" ")'); do \
	        mkdir -p "$${package%@*}"; \
	        tar -xzf "$$(npm pack --silent "$$package")" -C "$${package%@*}" --strip-components=1; \
	    done; \
	    rm -f ./*.tgz; touch .installed; \
	fi
