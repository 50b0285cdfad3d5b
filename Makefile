PYTHON ?= python3
ENVIRONMENT ?= dev
INVOKE := .venv/bin/invoke
READY := .venv/.requirements-installed
# The programs of an environment name its Python, so they work only in the folder that they were installed to.
MOVED := $(shell test -e .venv/bin/invoke && ! { test -x .venv/bin/python && \
	head -n 2 .venv/bin/invoke | grep -qF "$$(cd .venv && pwd -P)/bin/"; } && echo moved)

.DEFAULT_GOAL := help
.PHONY: help setup demo down test monitoring-tools test-long lint fix clean

help: $(READY) ## list every step
	@$(INVOKE) --list

setup: $(READY) ## make the development environment

demo: $(READY) ## run the whole system on this machine
	@ENVIRONMENT=$(ENVIRONMENT) $(INVOKE) local-up deploy-dev --no-checks seed-inventory demo

down: $(READY) ## end the demo
	@$(INVOKE) local-down

test: $(READY) ## run all tests, beside a demo if there is one
	@PULSEQUEUE_INSTANCE=test PULSEQUEUE_PORT=0 $(INVOKE) test

monitoring-tools: $(READY) ## get Prometheus and Alertmanager, without root
	@$(INVOKE) monitor.tools

test-long: $(READY) ## run a million random operations, 10,000 orders under faults, 10,000 commands to functions that are killed, ten minutes through the shop API, three environments in one account, upgrades, and another service
	@$(INVOKE) test.soak test.api test.environments test.upgrade test.growth --deployed test.faults --orders 10000 test.commands --commands 10000

lint: $(READY)
	@$(INVOKE) lint typecheck

fix: $(READY)
	@$(INVOKE) fix

clean: $(READY) ## remove all that was made, and the environment too
	@$(INVOKE) clean
	@rm -rf .venv

.PHONY: moved
moved:
	@echo "the development environment was made in another folder, or its Python is gone: making it anew …"
	@rm -rf .venv

$(READY): requirements/dev.txt $(MOVED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "PulseQueue needs Python 3.11 or newer; name one, for example: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "installing the development environment …"
	@$(PYTHON) -E -m scripts.cli.pip .venv requirements/dev.txt
	@touch $@
