# Everything works from nothing but Python >= 3.11 and make: each target sets up what it needs, in .venv.
PYTHON ?= python3
MANIFESTS ?= manifests/quickstart
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SERVER := tests/editor/node_modules
SITE := .venv-docs

# The tests start hundreds of processes, and each would compile what it imports: also where this variable is set, as in many images.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install run demo test oldest newest editor corpus constraints dashboards review metrics bench chaos check fix lock docs reference wheel sbom clean

help:  ## This list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

install: $(STAMP)  ## Set up .venv with the locked dependencies

$(STAMP): pyproject.toml locks/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ecsync needs Python 3.11 or newer. Run: make install PYTHON=python3.12" >&2; exit 1; }
	@echo "installing ecsync and what it is developed with (`grep -c '==' locks/dev.txt` locked packages, 500 MB) into $(VENV): 1 to 2 minutes, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: install  ## Keep manifests/quickstart, or MANIFESTS=DIR, on a simulated AWS, until interrupted
	$(BIN)/ecsync run --aws simulated $(MANIFESTS)

demo: install  ## Converge, break four things, watch them repaired; under a minute
	$(BIN)/ecsync demo

test: install  ## All tests, in a few minutes
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

oldest:  ## The tests with the lowest versions that pyproject.toml allows, in .venv-oldest
	$(PYTHON) -m venv --clear .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/oldest.txt
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	.venv-oldest/bin/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

newest:  ## The tests with the newest versions of today, in .venv-newest
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	.venv-newest/bin/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

editor: $(SERVER)/.installed  ## Install yaml-language-server, with which `ecsync schema` is tested; needs npm

$(SERVER)/.installed: tests/editor/package.json tests/editor/package-lock.json
	@command -v npm >/dev/null || { echo "yaml-language-server comes from npm, which is not on the PATH" >&2; exit 1; }
	cd tests/editor && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

corpus: install  ## Real definitions (ECSYNC_CORPUS) against the simulated AWS, as a table
	$(BIN)/python -m tests.corpus.run

dashboards: install  ## Write the dashboards of Grafana again, after a change of deploy/grafana/*.py
	$(BIN)/python -m deploy.grafana.make

review: install  ## Members of AWS's shapes that no kind has reviewed, after an upgrade of botocore
	$(BIN)/python -m ecsync.offline.review

metrics: install  ## Write docs/metrics.md from the registry of the metrics
	$(BIN)/python -m ecsync.wiring.metrics_page > docs/metrics.md.new && mv docs/metrics.md.new docs/metrics.md

constraints: install  ## Write docs/constraints.md from the rows of the kinds
	$(BIN)/python -m ecsync.offline.constraints_page > docs/constraints.md

bench: install  ## Measure against controls and limits of the same run, in one table; see docs/performance.md
	$(BIN)/python -m benchmarks.table
	$(BIN)/python -m benchmarks.compare
	$(BIN)/python -m benchmarks.changes
	$(BIN)/python -m benchmarks.start
	$(BIN)/python -m benchmarks.parsing

chaos: install  ## Faults at calls of 71 scenarios, stale reads, 10,000 changes, two controllers, kills: CHAOS="--seed 7"; docs/reliability.md
	$(BIN)/python -m tests.chaos $(CHAOS)

check: install  ## ruff, mypy strict, and the rules about imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_imports.py

fix: install  ## Format, and repair what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: install  ## Resolve the dependencies anew into locks/
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml -o locks/run.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --extra gpg --constraint locks/run.txt pyproject.toml -o locks/gpg.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --extra simulator --extra dev pyproject.toml -o locks/dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --extra simulator --constraint locks/dev.txt pyproject.toml -o locks/simulator.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --resolution lowest-direct --extra simulator --extra dev pyproject.toml -o locks/oldest.txt
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	  | $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  - -o locks/build.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group pyproject.toml:docs -o locks/docs.txt

docs: $(SITE)/.installed  ## Build the documentation as a site in build/site; a warning is an error
	$(SITE)/bin/python -m sphinx -b dirhtml -E -W --keep-going -n -q docs build/site
	@echo "open build/site/index.html"

$(SITE)/.installed: locks/docs.txt
	$(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/docs.txt
	@touch $@

reference: install  ## Write the generated pages of docs/reference and the picture of the demo
	$(BIN)/python -m docs.generate

wheel: install  ## Build wheel and sdist into dist/, install the wheel into an empty environment, and try it; needs a package index
	deploy/release/wheel.sh $(BIN)/python

sbom: install  ## The bill of materials of the locked dependencies: dist/ecsync-VERSION.cdx.json
	$(BIN)/python -m deploy.release.sbom dist

clean:  ## Remove what the other targets made
	rm -rf $(VENV) $(SITE) .venv-oldest .venv-newest $(SERVER) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
