"""Fixtures: both engines, each test in schemas of its own; for Airflow's tests, too."""

import os

import pytest
from postgres_server import PostgresServer
from warehouse import POSTGRES_DEFAULTS, Warehouse


@pytest.fixture(scope="session")
def postgres_environment():
    """Environment variables of a PostgreSQL server.

    The user's own server when DBT_POSTGRES_HOST is set, else one started for these tests. Tests
    create schemas with unique names there and drop them; those about rights also create a database
    and roles with unique names.
    """
    if "DBT_POSTGRES_HOST" in os.environ:
        yield {name: os.environ.get(name, value) for name, value in POSTGRES_DEFAULTS.items()}
    else:
        with PostgresServer() as server:
            yield server.environment


@pytest.fixture(params=["duckdb", "postgres"])
def engine(request):
    """Name of the engine, which is also the dbt target; a test that uses it runs on both."""
    return request.param


@pytest.fixture
def warehouse(engine, tmp_path, request):
    """An empty Warehouse on the engine, dropped after the test."""
    # Asked for only here, so that DuckDB tests alone start no server.
    server = request.getfixturevalue("postgres_environment") if engine == "postgres" else None
    warehouse = Warehouse(engine, tmp_path, server)
    yield warehouse
    warehouse.drop()
