# Two commands are enough: `make run` and `make test`. The rest is listed by `make`.
PYTHON ?= python3
BIN := .venv/bin
PY := $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help run demo-network test lint format bench chaos simulate screenshots requirements vendor lock setup setup-tests

help: ## List these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 22

run: setup ## Start Sabaq with demo data; the first time it also sets everything up
	@$(PY) -m app.cli run

demo-network: setup ## Start a centre and two class servers with demo data, one of them without a line
	@$(PY) -m app.cli demo-network

# Tests in a browser or with whole nodes have the machine to themselves; the others share it between two workers. All steps run, also
# after a failed one. Pytest answers 5 when it ran no test: that fails.
test: setup-tests ## Run every check and every test
	@failed=; \
	step() { name=$$1; shift; echo "== Tests: $$name"; $(PY) -m pytest "$$@" || failed="$$failed $$name"; }; \
	$(MAKE) --no-print-directory lint || failed="$$failed lint"; \
	step "PostgreSQL" -n 2 -m postgres; \
	step "browser" -m browser; \
	step "whole nodes" -m "node and not postgres and not browser"; \
	step "histories of a faulty network" -n 2 -m history; \
	step "the rest" -n 2 -m "not postgres and not browser and not node and not history"; \
	if [ -n "$$failed" ]; then echo "make test failed in:$$failed"; exit 1; fi

lint: setup-tests ## Run the checks that read the code
	@failed=; \
	step() { name=$$1; echo "== $$name"; shift; "$$@" || failed="$$failed; $$name"; }; \
	step "Vendored files are the locked ones" $(PY) tools/vendor.py check; \
	step "Style and likely faults" $(BIN)/ruff check .; \
	step "Types" $(BIN)/mypy; \
	step "Names that tests use" $(BIN)/mypy --config-file tests/mypy.ini --cache-dir .mypy_cache/tests tests bench; \
	step "Directions of imports" $(BIN)/lint-imports --no-logo; \
	if find app -name '*.html' 2>/dev/null | grep -q .; then \
	  step "Templates" $(BIN)/djlint app --lint --quiet; fi; \
	if [ -n "$$failed" ]; then echo "make lint failed in: $${failed#; }"; exit 1; fi

format: setup-tests ## Lay out the Python code the one way
	@$(BIN)/ruff check --quiet --fix-only --select I . ; $(BIN)/ruff format .

bench: setup-tests ## Measure speed and scale, as ratios to the bare stack
	@$(PY) -m bench

chaos: setup-tests ## Kill the node 200 times and cut the power 10,000 times: nothing acknowledged may be lost
	@$(PY) -m tests.chaos

simulate: setup-tests ## Live through 100,000 histories of a faulty network: no invariant may break
	@$(PY) -m tests.simulation

screenshots: setup-tests ## Photograph the pages and papers in a real browser
	@$(PY) -m tests.screenshots

requirements: setup-tests ## Write docs/requirements.md: which test proves which requirement
	@$(PY) tools/requirements_table.py

vendor: setup-tests ## Fetch the files listed in vendor.json anew (needs npm)
	@$(PY) tools/vendor.py refresh

lock: setup-tests ## Choose newest allowed versions and write both requirements*.txt
	@for set in requirements requirements-dev; do \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $$set.in -o $$set.txt || exit 1; \
	done

setup:
	@$(PYTHON) tools/bootstrap.py

setup-tests:
	@$(PYTHON) tools/bootstrap.py --tests
