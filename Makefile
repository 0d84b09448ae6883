# What people type; `make` alone lists it.

PYTHONS := .venv/bin/python python3.13 python3.12 python3.11 python3
# The first Python that is new enough and can make an environment.
FIND_PYTHON = for python in $(PYTHONS); do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; done
BIN := .venv/bin
INSTALLED := .venv/installed

.DEFAULT_GOAL := help
.PHONY: help install demo demo-clean screenshot test check lock

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## set up the environment in .venv, from requirements.lock

$(INSTALLED): requirements.lock pyproject.toml
	@$(FIND_PYTHON); \
	if [ -z "$$python" ]; then \
		echo "vouch needs Python 3.11 or later with venv (on Debian and Ubuntu: python3-venv)" >&2; exit 1; fi; \
	echo "Installing into .venv with $$($$python --version); this takes about a minute"; \
	$$python -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install ## start everything on this machine with a simulated fleet, until Ctrl-C
	@$(BIN)/vouch demo

demo-clean: ## remove the demo's data and the servers fetched for it
	@$(FIND_PYTHON); $$python -m shared.embedded.remove .demo .runtime

screenshot: install ## take the picture in README.md; needs Chromium
	@$(BIN)/python deploy/demo/screenshot.py

test: install ## run all tests; the servers they need are started by themselves
	@$(BIN)/pytest -n 3

check: install ## lint, format, types and boundaries
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports

lock: ## resolve the dependencies anew into requirements.lock
	@$(FIND_PYTHON); folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	$$python -m venv "$$folder" && "$$folder/bin/python" -m pip install -qq --disable-pip-version-check uv && \
	"$$folder/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--extra embedded --extra dev --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" -o requirements.lock pyproject.toml
