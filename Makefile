# Shortcuts; each line of work below can be typed without make, see the README.
TARGET ?= duckdb
# The engine to install, where the target in profiles.yml has a name of its own.
EXTRA ?= $(TARGET)
PYTHON ?= python3
# For bench: duckdb or postgres; how many sessions; how many rounds; which contenders (empty: all).
ENGINE ?= duckdb
SESSIONS ?= 10000000
RUNS ?= 3
ONLY ?=
BIN := .venv/bin
# Spark has an environment of its own: who does not use it installs nothing of it.
ENVIRONMENT := $(if $(filter spark,$(EXTRA)),.venv-spark,.venv)
INSTALLED := $(if $(filter spark,$(EXTRA)),.venv-spark/installed,.venv/installed-$(EXTRA))
LOAD := orchestration/load/.venv
AIRFLOW := orchestration/airflow/.venv
export DBT_SEND_ANONYMOUS_USAGE_STATS ?= false

.PHONY: build test test-airflow test-spark spark prove lint docs load load-files airflow bench clean

build: $(INSTALLED) profiles.yml
	$(ENVIRONMENT)/bin/dbt build --target $(TARGET)
	@echo
	@echo "The marts are in schema $${DBT_SCHEMA:-analytics}, target $(TARGET)."
	@echo "(Target duckdb is the file $${DBT_DUCKDB_PATH:-warehouse.duckdb}.) To try next:"
	@echo "  source $(ENVIRONMENT)/bin/activate"
	@echo "  dbt show --target $(TARGET) --select top_revenue_users"
	@echo "  make docs TARGET=$(TARGET)  # the docs site, in one file"
	@echo "  make load RAW=folder      # your own raw tables instead of the demo"

test: lint
	$(BIN)/pytest -n auto

test-airflow: .venv/installed-duckdb .venv/installed-postgres profiles.yml
test-airflow: $(LOAD)/installed $(AIRFLOW)/installed-dev
	cd orchestration/airflow && .venv/bin/pytest -n auto

test-spark: .venv-spark/installed-dev profiles.yml
	.venv-spark/bin/pytest tests/spark

# A small Spark cluster on this machine, for a look: make spark [FOLDER=where its tables stay]
spark: .venv-spark/installed-dev
	.venv-spark/bin/python scripts/spark_cluster.py $(FOLDER)

prove: .venv/installed-dev profiles.yml
	ELT_SUMMARY_PROVE=1 $(BIN)/pytest -n auto
	ELT_SUMMARY_PROVE=1 $(MAKE) test-airflow
	ELT_SUMMARY_PROVE=1 $(MAKE) test-spark

lint: .venv/installed-dev profiles.yml
	$(BIN)/sqlfluff lint models tests analyses
	$(BIN)/sqlfluff lint macros tests/generic --templater jinja --exclude-rules LT02,ST06

docs: $(INSTALLED) profiles.yml
	$(ENVIRONMENT)/bin/dbt docs generate --static --target $(TARGET)
	@echo "Docs site, one file to open in a browser: target/static_index.html"

# make load RAW=folder [TARGET=postgres] [LOAD_OPTIONS=--replace]
load: .venv/installed-$(EXTRA) profiles.yml
	@test -n "$(RAW)" || { echo "Say where the raw CSV files are: make load RAW=folder"; exit 2; }
	$(BIN)/python scripts/load_raw.py "$(RAW)" --target $(TARGET) $(LOAD_OPTIONS)

# make bench ENGINE=postgres SESSIONS=1000000 [ONLY=reference,ours] [BENCH_OPTIONS='--folder /data']
bench: .venv/installed-bench .venv-sqlmesh/installed
	$(BIN)/python -m benchmarks --engine $(ENGINE) --sessions $(SESSIONS) --runs $(RUNS) \
	  $(if $(ONLY),--only $(ONLY)) $(BENCH_OPTIONS)

# make load-files SOURCE=folder or address [TARGET=postgres] [LOAD_OPTIONS=--day 2019-07-01]
load-files: profiles.yml $(LOAD)/installed
	@test -n "$(SOURCE)" || { echo "Say where the files are: make load-files SOURCE=folder"; exit 2; }
	$(LOAD)/bin/python orchestration/load/load_files.py "$(SOURCE)" --target $(TARGET) $(LOAD_OPTIONS)

# make airflow [AIRFLOW_OPTIONS="--port 8081"]
airflow: .venv/installed-$(EXTRA) profiles.yml $(LOAD)/installed $(AIRFLOW)/installed
	$(AIRFLOW)/bin/python orchestration/airflow/start.py $(AIRFLOW_OPTIONS)

clean:
	rm -rf .venv .venv-sqlmesh .venv-spark target logs $(LOAD) $(AIRFLOW) orchestration/airflow/home

profiles.yml:
	cp profiles.yml.example profiles.yml

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Install one and say which: make build PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "'$(PYTHON)' lacks the venv module; on Debian or Ubuntu: apt install python3-venv"; \
	  exit 2; }
	$(PYTHON) -m venv .venv

# One engine and nothing of the others: duckdb, postgres, redshift. All pin the same versions, so
# that several can be in the same environment, as they are for dev (all of them) and bench (two).
.venv/installed-%: requirements/%.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --requirement $<
	@touch $@

.venv/installed-%:
	@echo "Nothing is known about installing '$*'. Engines: duckdb, postgres, redshift. If that is a"
	@echo "target of your own in profiles.yml, say its engine: make build TARGET=$* EXTRA=postgres"
	@exit 2

.venv-sqlmesh/installed: requirements/sqlmesh.txt | .venv/bin/python
	$(PYTHON) -m venv .venv-sqlmesh
	.venv-sqlmesh/bin/python -m pip install --quiet --requirement requirements/sqlmesh.txt
	@touch $@

.venv-spark/installed: requirements/spark.txt | .venv/bin/python
	$(PYTHON) -m venv .venv-spark
	.venv-spark/bin/python -m pip install --quiet --requirement requirements/spark.txt
	@touch $@

.venv-spark/installed-dev: requirements/spark-dev.txt | .venv/bin/python
	$(PYTHON) -m venv .venv-spark
	.venv-spark/bin/python -m pip install --quiet --requirement requirements/spark-dev.txt
	@touch $@ .venv-spark/installed

# Airflow and the loader of files have environments of their own: who only uses dbt installs neither.
$(LOAD)/installed: orchestration/load/requirements.txt | .venv/bin/python
	$(PYTHON) -m venv $(LOAD)
	$(LOAD)/bin/python -m pip install --quiet --requirement $<
	@touch $@

$(AIRFLOW)/installed: orchestration/airflow/requirements.txt | .venv/bin/python
	$(PYTHON) -m venv $(AIRFLOW)
	$(AIRFLOW)/bin/python -m pip install --quiet --requirement $<
	@touch $@

$(AIRFLOW)/installed-dev: orchestration/airflow/requirements-dev.txt | .venv/bin/python
	$(PYTHON) -m venv $(AIRFLOW)
	$(AIRFLOW)/bin/python -m pip install --quiet --requirement $<
	@touch $@ $(AIRFLOW)/installed
