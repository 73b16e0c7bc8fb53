# `make` alone lists the verbs. Everything is installed into $(VENV), nothing anywhere else.
PYTHON ?= python3
VENV ?= .venv
PORT ?= 6006
LOGDIR ?= runs

BIN := $(VENV)/bin
BUNDLE := tb_confmat_plugin/static/index.js
# Node and npm may be those that tests/tools.sh puts into $(BIN).
NPM := PATH="$(abspath $(BIN)):$$PATH" npm --prefix frontend --no-audit --no-fund
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet
PACKAGE := setup.py pyproject.toml

.PHONY: help demo test test-frontend check build bench reliability audit picture clean chromium node
.DELETE_ON_ERROR:

help:
	@echo 'make demo    train small networks on digits and on source text and show their confusion matrices in TensorBoard (PORT=$(PORT) LOGDIR=$(LOGDIR))'
	@echo 'make test    run all tests: pytest and vitest'
	@echo 'make check   lint, check types, and compare the committed frontend bundle with its sources'
	@echo 'make build   rebuild the frontend bundle'
	@echo 'make bench   measure cost and speed beside other ways of logging a confusion matrix'
	@echo 'make reliability  try damaged records, odd requests, crashes, packages, load and mutants; takes three hours'
	@echo 'make audit   look for known vulnerabilities and odd licenses in what is shipped and needed; asks the network'
	@echo 'make picture take the picture of the README anew'
	@echo 'make clean   remove all that the others made, except logs elsewhere than $(LOGDIR)/digits and $(LOGDIR)/text'

demo: $(BIN)/.demo-installed $(LOGDIR)/digits $(LOGDIR)/text
	@$(BIN)/python demo/serve.py --logdir '$(LOGDIR)' --port $(PORT)

# pytest runs last, after what FIRST names, so that its closing line is the last one. Two files at a time: most tests wait for another process half of the time.
test: $(BIN)/.test-installed test-frontend $(FIRST)
	CHROMIUM="$$(tests/tools.sh chromium $(VENV))" && export CHROMIUM && $(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term-missing:skip-covered

test-frontend: frontend/node_modules/.package-lock.json
	$(NPM) test

check: $(BIN)/.test-installed frontend/node_modules/.package-lock.json
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(NPM) run lint
	$(NPM) run types
	@cp $(BUNDLE) $(VENV)/bundle-as-it-was.js
	$(NPM) run build
	@cmp -s $(BUNDLE) $(VENV)/bundle-as-it-was.js || { echo '$(BUNDLE) was not built from frontend/src as it is; it has been rebuilt now: commit it'; exit 1; }

build: frontend/node_modules/.package-lock.json
	$(NPM) run build

bench: $(BIN)/.bench-installed
	$(BIN)/python tests/bench/counting.py
	$(BIN)/python tests/bench/logging_cost.py
	$(BIN)/python tests/bench/examples.py
	$(BIN)/python tests/bench/reader.py
	$(BIN)/python tests/bench/server.py
	CHROMIUM="$$(tests/tools.sh chromium $(VENV))" && export CHROMIUM && $(BIN)/python tests/bench/browser.py && $(BIN)/python tests/bench/dashboard.py

reliability: $(BIN)/.bench-installed frontend/node_modules/.package-lock.json
	$(BIN)/python tests/reliability/hostile_records.py
	cd frontend && PATH="$(abspath $(BIN)):$$PATH" HOSTILE_RECORDS=1000000 npx vitest run test/hostile.test.ts
	$(BIN)/python tests/reliability/hostile_requests.py
	$(BIN)/python tests/reliability/crashes.py
	$(BIN)/python tests/reliability/packages.py
	$(BIN)/python tests/reliability/versions.py
	$(BIN)/python tests/reliability/extras.py
	$(BIN)/python tests/reliability/load.py
	CHROMIUM="$$(tests/tools.sh chromium $(VENV))" && export CHROMIUM && $(BIN)/python tests/reliability/long_names.py
	$(BIN)/python tests/reliability/mutants.py

audit: $(BIN)/.test-installed | node
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python tests/reliability/audit.py $(AUDIT)

picture: $(BIN)/.test-installed $(LOGDIR)/digits
	CHROMIUM="$$(tests/tools.sh chromium $(VENV))" && export CHROMIUM && $(BIN)/python tests/browser/picture.py --logdir '$(LOGDIR)/digits'

clean:
	rm -rf '$(VENV)' '$(LOGDIR)/digits' '$(LOGDIR)/text' frontend/node_modules frontend/coverage build dist *.egg-info .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An interrupted training leaves no directory of its name, so that the next one starts anew.
$(LOGDIR)/digits $(LOGDIR)/text: | $(BIN)/.demo-installed
	@rm -rf '$@.partial'
	$(BIN)/python demo/train_$(@F).py --logdir '$@.partial'
	@mv '$@.partial' '$@'

# Each stamp is older than what it depends on when that has changed; then pip looks again.
$(BIN)/.demo-installed: $(PACKAGE) demo/requirements.txt | $(BIN)/python
	$(INSTALL) -r demo/requirements.txt -e .
	@touch $@

$(BIN)/.test-installed: $(PACKAGE) demo/requirements.txt tests/requirements.txt | $(BIN)/python
	$(INSTALL) -r tests/requirements.txt -e .
	@touch $@ $(BIN)/.demo-installed

$(BIN)/.bench-installed: $(PACKAGE) demo/requirements.txt tests/requirements.txt tests/bench/requirements.txt | $(BIN)/python
	$(INSTALL) -r tests/bench/requirements.txt -e .
	@touch $@ $(BIN)/.test-installed $(BIN)/.demo-installed

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo 'Python 3.10 or later is needed, and "$(PYTHON)" is not; name one, for example: make demo PYTHON=python3.12' >&2; exit 1; }
	$(PYTHON) -m venv '$(VENV)'

frontend/node_modules/.package-lock.json: frontend/package.json frontend/package-lock.json | node
	$(NPM) ci
	@touch $@

chromium: | $(BIN)/.test-installed
	@tests/tools.sh chromium '$(VENV)' >/dev/null

node: | $(BIN)/python
	@tests/tools.sh node '$(VENV)'
