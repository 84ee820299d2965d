"""What a user sees when something is missing or wrong: a message that says what to do."""

import socket

import pytest
from raw import COLUMNS, create_raw_tables
from warehouse import PROJECT_ROOT

def refused(warehouse, *args, **kwargs):
    """Output of a dbt call that must fail, in one line of single blanks."""
    result = warehouse.dbt(*args, check=False, **kwargs)
    assert result.returncode != 0, result.stdout
    return " ".join((result.stdout + result.stderr).split())


def marts_exist(warehouse):
    return warehouse.query(
        f"select count(*) from information_schema.tables where table_schema = '{warehouse.schema}'"
    ) != [(0,)]


def test_raw_tables_missing(warehouse):
    """Guards against: a database error about some view instead of the names of what is missing."""
    create_raw_tables(warehouse, session_timestamp=None, channel=None)
    message = refused(warehouse, "build", vars={"demo_data": False})
    assert f"table {warehouse.raw_schema}.session_timestamp does not exist" in message
    assert f"table {warehouse.raw_schema}.channel does not exist" in message
    assert f"make load RAW=folder TARGET={warehouse.engine}" in message
    assert not marts_exist(warehouse)


def test_raw_column_missing(warehouse):
    """Guards against: a renamed raw column found only when half of the marts are built."""
    create_raw_tables(warehouse, session_timestamp={"sessionid": "varchar(32)", "t": "timestamp"})
    message = refused(warehouse, "build", vars={"demo_data": False})
    assert f"table {warehouse.raw_schema}.session_timestamp has no column ts" in message
    assert not marts_exist(warehouse)


def test_extra_raw_column_has_no_effect(warehouse):
    """Guards against: a build that breaks because the source grew a column."""
    create_raw_tables(warehouse, channel=COLUMNS["channel"] | {"added_later": "integer"})
    warehouse.execute(f"insert into {warehouse.raw_schema}.channel values ('Google', 1)")
    warehouse.dbt("run", vars={"demo_data": False})
    assert warehouse.query(f"select channel from {warehouse.schema}.stg_channel") == [("Google",)]


def test_empty_raw_tables_are_not_called_good(warehouse):
    """Guards against: a green build in which every test passed on an empty table."""
    create_raw_tables(warehouse)
    message = refused(warehouse, "build", vars={"demo_data": False})
    assert "int_channels_is_sound (fail)" in message
    assert "failure=there are no rows" in message


def test_marts_would_land_among_the_raw_tables(warehouse):
    """Guards against: a run that writes into the schema of the raw tables."""
    message = refused(warehouse, "build", vars={"raw_schema": warehouse.schema.upper()})
    assert "The marts would be written into the schema of the raw tables" in message
    assert "DBT_SCHEMA" in message
    assert not marts_exist(warehouse)


def test_demo_seeds_stay_out_of_the_raw_schema(warehouse):
    """Guards against: demo rows among a company's own."""
    create_raw_tables(warehouse)
    warehouse.dbt("build")
    for table in COLUMNS:
        assert warehouse.query(f"select count(*) from {warehouse.raw_schema}.{table}") == [(0,)]


def test_no_profile(warehouse, tmp_path):
    """dbt's own message names the profile; the README says where it comes from."""
    empty = tmp_path / "empty"
    empty.mkdir()
    message = refused(warehouse, "build", extra_env={"DBT_PROFILES_DIR": str(empty)})
    assert "Could not find profile named 'elt_summary'" in message
    assert "cp profiles.yml.example profiles.yml" in (PROJECT_ROOT / "README.md").read_text()


def test_unknown_target(warehouse, engine):
    """dbt's own message lists the valid targets."""
    warehouse.engine = "oracle"
    message = refused(warehouse, "build")
    warehouse.engine = engine
    assert "does not have a target named 'oracle'" in message
    assert "duckdb" in message and "postgres" in message


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_wrong_password(warehouse):
    """PostgreSQL's own message names the user; the password is not in it."""
    wrong = {"DBT_ENV_SECRET_POSTGRES_PASSWORD": "not-the-password-0815"}
    message = refused(warehouse, "build", extra_env=wrong)
    assert "password authentication failed for user" in message
    assert wrong["DBT_ENV_SECRET_POSTGRES_PASSWORD"] not in message


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_server_down(warehouse):
    """PostgreSQL's own message names host and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    down = {"DBT_POSTGRES_HOST": "127.0.0.1", "DBT_POSTGRES_PORT": str(port)}
    message = refused(warehouse, "build", extra_env=down)
    assert "127.0.0.1" in message and str(port) in message and "Connection refused" in message
