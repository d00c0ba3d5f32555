PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-test
# Programs that tests start; behind a colon their Debian package, where that has another name.
TEST_PROGRAMS := curl redis-server nginx systemd-analyze:systemd chromium chromedriver:chromium-driver \
	prometheus wrk

# Files of tests that run at a time. Most start servers and wait for them; more than the cores would starve.
TEST_PROCESSES ?= 2

.DEFAULT_GOAL := help
STORE ?= sqlite
SEED ?= 1
ORDERS ?= 10000

.PHONY: help run test soak fuzz planted check proto docs screenshot bench bench-short clean programs

help: ## Show these targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# The user's own; an older one than the example stays as it is.
config/gateway.yaml:
	cp config/gateway.example.yaml $@

$(STAMP): setup.cfg pyproject.toml | config/gateway.yaml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -qq --disable-pip-version-check -e .
	@touch $@

$(TEST_STAMP): $(STAMP)
	$(BIN)/pip install -qq --disable-pip-version-check -e '.[test]'
	@touch $@

run: $(STAMP) ## Start the gateway with the embedded simulator on 127.0.0.1:22222
	@exec $(BIN)/gunicorn -c config/gunicorn.conf.py wsgi:app

test: $(TEST_STAMP) programs ## Install what the tests need and run them all
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --durations 30

soak: $(TEST_STAMP) programs ## Harm the gateway while it works, and count what becomes of its promises
	PYTHONPATH=tests $(BIN)/python -m soak --seed $(SEED) --store $(STORE) --orders $(ORDERS)

programs:
	@missing=; PATH="$$PATH:/usr/sbin"; for each in $(TEST_PROGRAMS); do \
		command -v "$${each%%:*}" > /dev/null || missing="$$missing $${each##*:}"; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "installing from Debian's packages:$$missing"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	fi

fuzz: $(TEST_STAMP) ## Send a million wrong frames and more; FRAMES, BODIES, POLICIES, MESSAGES, SEED, JOBS
	PYTHONPATH=tests $(BIN)/python -m fuzz

check: $(TEST_STAMP) ## Run ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

planted: $(TEST_STAMP) programs ## Break copies of the product on purpose, and see that the tests notice
	$(BIN)/python tests/planted/run.py

proto: $(TEST_STAMP) ## Compile proto/*.proto for gateway/schema
	$(BIN)/python proto/compile.py

docs: $(TEST_STAMP) ## Write the tables of both READMEs and the dashboard from the code
	$(BIN)/python docs/tables.py
	$(BIN)/python docs/dashboard.py

screenshot: $(TEST_STAMP) programs ## Take docs/live.png, the picture of the live page
	PYTHONPATH=tests $(BIN)/python tests/live/screenshot.py docs/live.png

bench: $(TEST_STAMP) programs ## Measure the speed beside what one would write instead (ARGS=--long, --json FILE)
	@PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

bench-short: $(TEST_STAMP) programs ## The same in under two minutes, without verdicts
	@PYTHONPATH=tests $(BIN)/python -m bench --short $(ARGS)

clean: ## Remove the virtual environment and everything that was built
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
