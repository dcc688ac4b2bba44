# Two commands do everything on a fresh machine: `make demo` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo demo-asterisk serve asterisk asterisk-stop test test-quick lint format bench clean
PY := .venv/bin/python
IVR := .venv/bin/ivr
# What Python compiled is kept, whatever the environment says: else every process compiles everything anew.
export PYTHONDONTWRITEBYTECODE =

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what running needs (system packages if allowed, .venv)
	@tools/setup demo

setup-dev: ## Install what testing needs as well
	@tools/setup dev

demo: setup ## Call the shipped list of 60 people over the simulated network and write the report to var/demo
	@IVR_LANG=$${IVR_LANG:-zh-CN} $(IVR) demo

serve: setup ## Serve the web pages on the demo's database
	@IVR_LANG=$${IVR_LANG:-zh-CN} $(IVR) serve --db var/demo/ivr.sqlite --recordings var/demo/recordings

demo-asterisk: setup ## The same over real SIP: an Asterisk and softphones on this machine, in real time (about four minutes)
	@tools/asterisk build && IVR_LANG=$${IVR_LANG:-zh-CN} $(IVR) demo --asterisk

asterisk: setup ## Start an Asterisk of our own to try real calls on this machine (Debian or Ubuntu; root the first time)
	@tools/asterisk start

asterisk-stop: ## Stop it
	@tools/asterisk stop

test: setup-dev ## Set up, lint, and run all tests
	@tools/test

test-quick: setup-dev ## Run the unit tests only
	@$(PY) -m pytest -q -m unit -n auto --dist loadfile

lint: setup-dev ## ruff, mypy strict, import-linter
	@tools/lint

format: setup-dev ## Format the code and mend what ruff can
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

bench: setup-dev ## Run the shorter measurements and print their tables (the others: ivr bench --help)
	@for name in carrier media loop rehearsal decoding reaction lease import dialer pacing reports; do $(IVR) bench $$name || true; done

clean: ## Remove what was built and measured, keep .venv
	rm -rf var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
