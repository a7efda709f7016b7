# One line per verb: `make` lists them.
SHELL := /bin/sh
PYTHON := .venv/bin/python

# Which part of samconfig.toml: default, prod or china.
ENV ?= default
# The layers hold machine code: they are built for the Architecture this environment deploys.
READ_ARCHITECTURE = import re, sys, tomllib; parts = tomllib.load(open("samconfig.toml", "rb")); \
    given = parts[sys.argv[1]]["global"]["parameters"]["parameter_overrides"]; \
    print((re.findall(r"\bArchitecture=(\w+)", given) or ["arm64"])[-1])

# A `sam` on the path is used; otherwise one is kept beside the project, apart from its own packages.
SAM ?= $(or $(shell command -v sam 2>/dev/null),.local/sam/bin/sam)
export SAM_CLI_TELEMETRY ?= 0

# How many processes run tests: half of their time is spent waiting for clocks, queues and pages.
WORKERS ?= 4

.DEFAULT_GOAL := help
.PHONY: help demo serve test check bench model simulate kills clean lock build deploy template-check

help: ## list the verbs
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/ready ## the main job as a story, on this machine (ARGS=--exit ends by itself, FILE= your own card file)
	@$(PYTHON) -m local.demo $(if $(FILE),--file "$(FILE)") $(ARGS)

serve: .venv/ready ## run everything on this machine and keep its data
	@$(PYTHON) -m local serve $(ARGS)

test: .venv/ready browser check ## everything CI runs
	@$(PYTHON) -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

SEEDS ?= 20000
simulate: .venv/ready ## thousands of orders of events in bad weather (SEEDS=20000 or A-B, ARGS="--mutation NAME")
	@$(PYTHON) -m tests.simulation --seeds $(SEEDS) $(ARGS)

check: .venv/ready ## lint and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy shared functions cli

bench: .venv/ready ## one table of figures, also in bench/results.json
	@$(PYTHON) -m bench $(ARGS)

model: .venv/ready ## search every order of events of small worlds (ARGS="X1 X3" names runs)
	@$(PYTHON) -m tests.model $(ARGS)

kills: .venv/ready ## kill functions, engines and everything under orders (ORDERS=2000 SEED=1)
	@KILLS_ORDERS=$(or $(ORDERS),2000) KILLS_SEED=$(or $(SEED),1) \
		$(PYTHON) -m pytest -q -s tests/integration/test_kills.py

clean: ## remove what set-up and runs left in this folder
	rm -rf .venv .local node_modules .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/ready: local/setup.sh requirements-dev.txt package-lock.json pyproject.toml
	@local/setup.sh

.PHONY: browser
browser:
	@local/browser.sh

lock: ## write every lock file from pyproject.toml (ARGS=--upgrade moves versions)
	layers/lock.sh $(ARGS)

template-check: .venv/ready ## lint the template for four regions, translate it, hold its rules
	$(PYTHON) -m pytest -q tests/rules

build: $(SAM) ## build functions and layers for the cloud (ENV=default|prod|china)
	@command -v python3.13 >/dev/null || { echo "The layers need python3.13 on the path, for example: uv python install 3.13"; exit 1; }
	ARCHITECTURE=$$(python3 -c '$(READ_ARCHITECTURE)' $(ENV)) $(SAM) build --config-env $(ENV)

deploy: build ## build, then create or update the stack (ENV=default|prod|china)
	$(SAM) deploy --config-env $(ENV)

.local/sam/bin/sam:
	python3 -m venv .local/sam
	.local/sam/bin/pip install --quiet --disable-pip-version-check aws-sam-cli==1.170.0
