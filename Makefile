# Everything runs from this folder with the virtual environment .venv, which the first command makes.
# Needs make, git and one Python from 3.11 to 3.13; works with the make 3.81 and the sh of macOS.

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
NER := $(VENV)/.ner
SPARK := $(VENV)/.spark
UV_VERSION := 0.13.9

export DAGSTER_DISABLE_TELEMETRY := yes
export MLFLOW_DISABLE_TELEMETRY := true
export PYTHONUNBUFFERED := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# With it every process would compile Dagster, MLflow and pandas anew: 14 instead of 6 CPU s to import them.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test ui serve bench bench-churn notebook notebook-clean setup lock sample dictionary image clean broken-environment privacy-report ner release domains export rotate-keys erase purge model-card screenshots spark

# Targets by what they are for; one that is named nowhere here is listed last.
EVERY_DAY := run ui notebook serve
PEOPLE := release export erase purge rotate-keys
MEASURED := test bench bench-churn privacy-report
ENVIRONMENT := setup ner spark lock image clean
WRITTEN := sample domains dictionary model-card screenshots notebook-clean

help: ## show this list
	@if [ -t 1 ] && [ -z "$$NO_COLOR" ] && [ "$${TERM:-dumb}" != dumb ]; then bold=$$(printf '\033[1m'); plain=$$(printf '\033[0m'); fi; \
	list() { title="$$1"; shift; [ $$# = 0 ] || echo "$$bold$$title$$plain"; \
	  for name; do sed -n "s/^\($$name\):.*## \(.*\)/\1|\2/p" Makefile | \
	    { IFS='|' read -r name text; printf '  %-16s %s\n' "$$name" "$$text"; }; done; }; \
	echo "make <target>: what it does"; \
	list "Every day" $(EVERY_DAY); \
	list "For and about people" $(PEOPLE); \
	list "Tested and measured" $(MEASURED); \
	list "The environment" $(ENVIRONMENT); \
	list "Files of the project, written again" $(WRITTEN); \
	list "More" $(filter-out help $(EVERY_DAY) $(PEOPLE) $(MEASURED) $(ENVIRONMENT) $(WRITTEN),$(shell sed -n 's/^\([a-z-]*\):.*##.*/\1/p' Makefile)); \
	echo "Settings: see .env.example. Another Python: make setup PYTHON=/path/to/python3.12"

run: $(READY) ## make every table and model from data/inbox (empty: from the sample panel), then sum up
	@$(PY) -m browse_assets.run

ui: $(READY) ## Dagster UI and MLflow UI together; Ctrl-C ends both
	@$(PY) -m browse_assets.ui

serve: $(READY) ## the champion of churn answers requests on 127.0.0.1; Ctrl-C ends it
	@$(PY) -m browse_assets.serve

test: $(READY) ## linting, type checks and the tests
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	@if [ -x $(VENV)/bin/hadolint ]; then echo "hadolint Dockerfile"; $(VENV)/bin/hadolint Dockerfile; else \
	  echo "SKIPPED: hadolint (there is none for this platform): the Dockerfile is not linted"; fi
	$(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

bench: $(READY) ## benchmarks, as ratios measured side by side
	@$(PY) -m browse_assets_tests.bench

bench-churn: $(READY) ## churn on real customers beside published figures (BROWSE_CHURN_DATA: their folder)
	@$(PY) -m browse_assets_tests.bench_churn

privacy-report: $(READY) ## what the scrubbing removes and spares, counted on labelled values
	@$(PY) -m browse_assets_tests.privacy

spark: $(SPARK) ## install PySpark, a second engine for panels that one machine does not hold (about 450 MB)

ner: $(NER) ## install the optional model of people's names, and Presidio to compare with (about 230 MB)

notebook: $(READY) ## open notebooks/data_ml_pipeline.ipynb
	@PYTHONPATH="$(CURDIR)" $(PY) -m jupyterlab --ServerApp.root_dir="$(CURDIR)" \
	  --LabApp.app_settings_dir="$(CURDIR)/notebooks/jupyterlab" --LabApp.extension_manager=readonly \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.news_url=None \
	  notebooks/data_ml_pipeline.ipynb

notebook-clean: $(READY) ## empty the outputs of the notebook, as it is kept in git
	@$(PY) -m jupyter nbconvert --clear-output --inplace notebooks/data_ml_pipeline.ipynb

release: $(READY) ## counts of groups for others: make release PURPOSE=research
	@$(PY) -m browse_assets.release $(if $(PURPOSE),"$(PURPOSE)") $(if $(TABLE),--table "$(TABLE)")

export: $(READY) ## write what is stored about the people named in data/export to data/exports
	@$(PY) -m browse_assets.export

sample: $(READY) ## write the synthetic sample panel again (data/sample)
	@$(PY) -m browse_assets.sample_panel

rotate-keys: $(READY) ## change to a new secret: the vault's key and every pseudonym
	@$(PY) -m browse_assets.rotate_keys

erase: $(READY) ## erase who is listed in data/erase (one id per line), and search every byte for them
	@$(PY) -m browse_assets.remove erase

purge: $(READY) ## remove raw and scrubbed events older than BROWSE_RETENTION_DAYS
	@$(PY) -m browse_assets.remove purge

domains: $(READY) ## write data/reference/domains.csv again from its sources; needs npm and a network
	@$(PY) -m browse_assets.reference

model-card: $(READY) ## write docs/churn_model_card.md again, after make run on the sample panel
	@$(PY) -m browse_assets.model_card

screenshots: $(READY) ## take the pictures in docs/ again, after make run on the sample panel
	@$(PY) -m browse_assets_tests.screenshots

image: ## build the container images with Docker or buildah: make image STAND_IN=1 where no registry is reached
	@BASE="$(BASE)" TAG="$(TAG)" STAND_IN="$(STAND_IN)" PIP_CONF="$(PIP_CONF)" CA_BUNDLE="$(CA_BUNDLE)" deploy/build_images.sh

dictionary: $(READY) ## write the README's data dictionary and docs/architecture.md again from the code
	@$(PY) -m browse_assets.dictionary
	@$(PY) -m browse_assets.architecture

setup: $(READY) ## make .venv from the locked versions (the other targets do it on first use)

lock: $(READY) ## resolve pyproject.toml again, keeping versions that still fit: requirements*.lock
	@$(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-strip-extras --no-annotate --no-header --quiet --extra dev pyproject.toml -o requirements.lock
	@echo "uv==$(UV_VERSION)" | $(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --quiet - -o requirements-uv.lock
	@$(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-strip-extras --no-annotate --no-header --quiet --extra dev --extra ner --constraint requirements.lock \
	  $$(sed -n 's/^\([A-Za-z0-9._-]*\).*==.*/--no-emit-package \1/p' requirements.lock) pyproject.toml \
	  -o requirements-ner.lock
	@$(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-strip-extras --no-annotate --no-header --quiet --extra postgres --constraint requirements.lock \
	  pyproject.toml -o requirements-image.lock
	@$(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-strip-extras --no-annotate --no-header --quiet --extra dev --extra spark --constraint requirements.lock \
	  $$(sed -n 's/^\([A-Za-z0-9._-]*\).*==.*/--no-emit-package \1/p' requirements.lock) pyproject.toml \
	  -o requirements-spark.lock
	@echo "Written: requirements.lock and those of uv, ner, spark and image. The next command brings .venv up to date."

clean: ## remove .venv and caches; never data, models or keys
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find browse_assets browse_assets_tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Only what the extra adds: its lock was resolved beside requirements.lock, and changes nothing of it.
$(NER): $(READY) requirements-ner.lock
	@echo "Installing the extra for names of people ..."
	@$(PY) -m uv pip install --quiet --no-deps --require-hashes --python $(PY) -r requirements-ner.lock \
	  || $(PY) -m pip install -qq --no-deps --require-hashes -r requirements-ner.lock
	@touch $(NER)

$(SPARK): $(READY) requirements-spark.lock
	@echo "Installing PySpark ..."
	@$(PY) -m uv pip install --quiet --no-deps --require-hashes --python $(PY) -r requirements-spark.lock \
	  || $(PY) -m pip install -qq --no-deps --require-hashes -r requirements-spark.lock
	@command -v java >/dev/null || [ -x "$$JAVA_HOME/bin/java" ] || \
	  echo "PySpark is there; Java 17 or later is not: install it (Debian: openjdk-17-jre-headless) before BROWSE_ENGINE=spark."
	@touch $(SPARK)

# An environment whose Python has gone away (an upgrade, another machine) is made again.
ifeq ($(shell $(PY) -c 'print("works")' 2>/dev/null),)
$(READY): broken-environment
endif
broken-environment:

# .ready is written last: a set-up that was interrupted is taken up again by the next command.
$(READY): requirements.lock requirements-uv.lock
	@if $(PY) -c 'pass' 2>/dev/null; then echo "Bringing .venv up to date with requirements.lock ..."; else \
	  echo "Setting up (first use, about a minute) ..."; found=; \
	  for candidate in $${PYTHON:-python3.13 python3.12 python3.11 python3}; do \
	    if "$$candidate" -c 'import sys, ensurepip, sqlite3, ssl; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	      2>/dev/null; then found="$$candidate"; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "No usable Python found (tried: $${PYTHON:-python3.13, python3.12, python3.11, python3})."; \
	    echo "Needed: 3.11, 3.12 or 3.13 with venv (on Debian and Ubuntu: apt install python3-venv)."; \
	    echo "If it lies elsewhere: make setup PYTHON=/path/to/python3.12"; exit 1; fi; \
	  "$$found" -m venv --clear $(VENV); fi
	@$(PY) -m pip install -qq --require-hashes --only-binary :all: -r requirements-uv.lock \
	  && $(PY) -m uv pip sync --quiet --require-hashes --python $(PY) requirements.lock \
	  || { echo "uv could not do it (see above); taking pip, which needs a little longer ..."; \
	       $(PY) -m pip install -qq --require-hashes -r requirements.lock; }
	@$(PY) -c 'import mlflow; assert mlflow.__file__' 2>/dev/null || { \
	  echo "mlflow is not installed: Python finds only the folder mlflow/. Try: make clean setup"; exit 1; }
	@touch $(READY)
	@echo "Set up: $$($(PY) --version), $(VENV)."
