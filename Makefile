# Speech to Visuals. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV := .venv
BIN := $(VENV)/bin
PARTS := proto runtime typeset gateway services/transcription services/analysis services/layout/elkjs-py services/layout services/rendering client cli
CODE := $(addsuffix /src,$(filter-out proto,$(PARTS))) evals loadtests docs/reference
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-test
DEPLOY_STAMP := $(VENV)/.installed-deploy
DEMO_TALK := $(firstword $(wildcard examples/01-*.opus))
OUT := out
PROFILE := smoke

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## Install everything into .venv (system packages where missing and allowed)

$(STAMP): constraints.txt requirements-dev.txt system-packages.txt system-packages.sh $(addsuffix /pyproject.toml,$(PARTS))
	@./setup.sh $(PARTS)
	@touch $@

# PyTorch by itself first, at the version of constraints.txt: a plain `torch` brings several GB for GPUs.
$(TEST_STAMP): $(STAMP) requirements-test.txt system-packages-test.txt examples/clients/node/package-lock.json
	@echo "Installing what only tests and evaluation need: promtool, PyTorch, OpenAI's Whisper, locust, Node"
	@./system-packages.sh system-packages-test.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt torch
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -r requirements-test.txt
	@$(BIN)/npm ci --prefix examples/clients/node --no-audit --no-fund --loglevel=error
	@touch $@

# checkov by itself: it pins what others need newer.
$(DEPLOY_STAMP): $(STAMP) requirements-deploy.txt
	@echo "Installing what checks the chart: Helm's library, schemas, kubectl, checkov"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -r requirements-deploy.txt
	@$(BIN)/python -m venv $(VENV)/checkov
	@$(VENV)/checkov/bin/pip install -qq --disable-pip-version-check checkov==3.3.30
	@touch $@

.PHONY: setup-test
setup-test: $(TEST_STAMP) $(DEPLOY_STAMP) ## Install what the tests need besides

.PHONY: test-deploy
test-deploy: setup-test ## Test the chart, the overlays and the images' files
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/deploy

.PHONY: test-cluster
test-cluster: setup-test ## Install the chart into the cluster of KUBECONFIG, and let helm test make a video there (docs/deployment/install.md)
	@deploy/test-cluster.sh

.PHONY: deploy-docs
deploy-docs: setup-test ## Generate what comes from the chart: README table, schema, golden renders, kustomize base
	$(BIN)/python -m deploy.generate

.PHONY: demo
demo: setup ## Make the first example's video on an embedded stack
	@mkdir -p $(OUT)
	@$(BIN)/s2v make $(DEMO_TALK) -o $(OUT)/$(basename $(notdir $(DEMO_TALK))).mp4 --data-dir $(OUT)/stack

.PHONY: test
test: setup-test format-check lint types proto-check ## Everything that CI needs: what check does, and all tests with the real engines
	$(BIN)/python -m pytest -q -p no:cacheprovider

.PHONY: test-chaos
test-chaos: setup-test ## Kill everything at random under 200 jobs, and workers at each line (15 minutes)
	S2V_CHAOS=1 $(BIN)/python -m pytest -q -p no:cacheprovider --timeout 3600 tests/chaos runtime/tests/test_kills.py

.PHONY: load
load: setup-test ## Load-test an embedded stack: PROFILE=smoke, talk, steady, spike, soak, priority, abuse or watch
	$(BIN)/python -m loadtests $(PROFILE) --out $(OUT)/load-$(PROFILE)

.PHONY: rivals
rivals: setup-test ## Install what evals.layout draws the same graphs with: Graphviz and dagre
	@./system-packages.sh evals/rivals/system-packages.txt
	@command -v npm >/dev/null || ./system-packages.sh evals/rivals/node-packages.txt
	npm ci --silent --prefix evals/rivals

.PHONY: check
check: setup-test format-check lint types proto-check unit ## What runs before each commit (under 3 minutes)

.PHONY: format
format: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: format-check
format-check: setup
	$(BIN)/ruff format --check --quiet .

.PHONY: lint
lint: setup ## Lint the code and the contract
	$(BIN)/ruff check --quiet .
	$(BIN)/buf lint

.PHONY: types
types: setup-test ## Check the types, strictly
	$(BIN)/mypy $(CODE)

.PHONY: proto
proto: setup ## Generate the Python of the contract, and docs/api.md
	proto/generate.sh
	$(BIN)/python -m docs.reference.generate

.PHONY: proto-check
proto-check: setup ## Check that what is generated of the contract is up to date, and that released clients still understand it
	@for released in proto/released/*.binpb; do $(BIN)/buf breaking --against "$$released"; done
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; proto/generate.sh "$$fresh"; \
	for file in "$$fresh"/s2v/v1/*; do cmp -s "$$file" "proto/src/s2v/v1/$$(basename "$$file")" \
	  || { echo "proto/src/s2v/v1/$$(basename "$$file") is out of date: run make proto"; exit 1; }; done; \
	$(BIN)/python -m docs.reference.generate "$$fresh/api.md"; \
	cmp -s "$$fresh/api.md" docs/api.md || { echo "docs/api.md is out of date: run make proto"; exit 1; }

.PHONY: unit
unit: setup-test ## Fast tests, without servers and engines
	$(BIN)/python -m pytest -q -p no:cacheprovider -m "not integration"

.PHONY: up
up: setup ## Run the embedded stack until Ctrl-C
	@$(BIN)/s2v up

.PHONY: constraints
constraints: ## Lock what is installed in .venv into constraints.txt
	@$(BIN)/python -m pip freeze --exclude-editable | grep -v '^-e' | sed 's/+cpu$$//' | LC_ALL=C sort -f > constraints.txt

.PHONY: clean
clean: ## Remove what make has made
	rm -rf $(VENV) $(OUT)
