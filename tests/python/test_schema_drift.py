"""Columns that are not what they were: in the raw tables, and in the tables that dbt rebuilds."""

import datetime
import json
import re
import shlex

import pytest
from dbt_here import dbtRunner
from raw import RawTables, assert_marts_equal
from replay import Runner

FAMILIES = {
    "user_session_channel": {"userid": "number", "sessionid": "text", "channel": "text"},
    "session_timestamp": {"sessionid": "text", "ts": "timestamp"},
    "session_transaction": {"sessionid": "text", "refunded": "boolean", "amount": "number"},
    "channel": {"channelname": "text"},
}
WORDS = {
    "number": "smallint, integer or bigint",
    "text": "varchar, text or char",
    "timestamp": "timestamp (UTC, without zone)",
    "boolean": "boolean",
}
# By engine and family; round by round, each column gets the next one of its family.
ALLOWED = {
    "duckdb": {
        "number": ["smallint", "bigint", "integer"],
        "text": ["text", "char(32)", "varchar(64)"],
        "timestamp": ["timestamp_s", "timestamp_ms", "timestamp_ns"],
        "boolean": ["boolean"],
    },
    "postgres": {
        "number": ["smallint", "bigint", "integer"],
        "text": ["text", "char(32)", "varchar"],
        "timestamp": ["timestamp(0)", "timestamp(3) without time zone", "timestamp"],
        "boolean": ["boolean"],
    },
}
WRONG = {
    "duckdb": {
        "number": ["decimal(10, 0)", "double", "real", "hugeint", "tinyint", "uinteger"]
        + ["varchar", "date", "boolean"],
        "text": ["integer", "bigint", "double", "blob", "uuid", "json", "date", "boolean"]
        + ["varchar[]", "struct(a integer)"],
        "timestamp": ["timestamptz", "date", "time", "varchar", "bigint", "boolean", "interval"],
        "boolean": ["integer", "tinyint", "varchar", "date", "bit", "decimal(1, 0)"],
    },
    "postgres": {
        "number": ["numeric(10, 0)", "double precision", "real", "money", "oid", "text", "date"]
        + ["boolean", "integer[]"],
        "text": ["integer", "bigint", "numeric", "bytea", "uuid", "json", "date", "boolean"]
        + ["name", "text[]", "xml"],
        "timestamp": ["timestamptz", "date", "time", "text", "bigint", "interval", "tsrange"],
        "boolean": ["integer", "smallint", "text", "char(1)", "bit(1)", "numeric(1, 0)"],
    },
}
LOADED_AT = {"loaded_at": "timestamp"}


class Drift:
    """Marts that were built once, and whatever is done to the raw tables and to them."""

    def __init__(self, warehouse, monkeypatch):
        self.warehouse = warehouse
        self.runner = Runner(warehouse, monkeypatch)
        self.rows = RawTables()
        second = datetime.datetime(2019, 7, 31, 23, 59, 59)
        self.rows.add_session("a", 1, "google", second, (False, 10), (True, 5))
        self.rows.add_session("b", 1, "Naver", datetime.datetime(2019, 8, 1), (None, 7))
        self.rows.add_session("c", 2, None, datetime.datetime(2019, 8, 2))
        self.rows.rows["channel"] = [("Google",), ("Naver",)]

    def recreate_raw(self, types, as_views=False):
        """Drop the raw tables and create them with the same rows.

        Args:
            types: by table, types by column.
            as_views: as views on tables of other names.
        """
        schema = self.warehouse.raw_schema
        self.warehouse.execute(f"drop schema {schema} cascade; create schema {schema}")
        for table, columns in types.items():
            stored = f"{table}_stored" if as_views else table
            listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            self.warehouse.execute(f"create table {schema}.{stored} ({listed})")
            if as_views:
                self.warehouse.execute(
                    f"create view {schema}.{table} as select * from {schema}.{stored}"
                )

    def insert(self, names, into="{}"):
        """Insert the rows, as many columns as they have."""
        for table, rows in self.rows.rows.items():
            for row in rows:
                listed = ", ".join(names[table])
                values = ", ".join("null" if x is None else f"'{x}'" for x in row)
                name = into.format(table)
                self.warehouse.execute(
                    f"insert into {self.warehouse.raw_schema}.{name} ({listed}) values ({values})"
                )

    def run(self, *options):
        """dbt run of everything, views included."""
        self.runner.run("--select", "fqn:*", *options)

    def refused(self, *options, loaded=False):
        """The message of a run that must fail and change nothing."""
        before = self.tables()
        with pytest.raises(AssertionError, match="dbt run failed") as error:
            self.runner.run("--select", "fqn:*", *options, loaded=loaded)
        assert self.tables() == before, "the refused run changed something"
        assert "Nothing was changed" in str(error.value)
        return " ".join(str(error.value).split())

    def tables(self):
        """Columns and rows of every table that dbt built."""
        schema = self.warehouse.schema
        names = self.warehouse.query(
            "select table_name from information_schema.tables"
            f" where table_schema = '{schema}' and table_type = 'BASE TABLE' order by 1"
        )
        return {
            name: (
                self.columns(name),
                sorted(self.warehouse.query(f"table {schema}.{name}"), key=repr),
            )
            for (name,) in names
        }

    def columns(self, table):
        return self.warehouse.query(
            "select column_name, data_type from information_schema.columns"
            f" where table_schema = '{self.warehouse.schema}' and table_name = '{table}'"
            " order by ordinal_position"
        )

    def replace(self, table, query):
        """Make a table hold what a query on it selects, under the columns of the query."""
        name = f"{self.warehouse.schema}.{table}"
        self.warehouse.execute(
            f"create table {name}_new as {query.format(name)}; drop table {name} cascade;"
            f" alter table {name}_new rename to {table}"
        )


@pytest.fixture
def drift(warehouse, monkeypatch):
    return Drift(warehouse, monkeypatch)


def typed(types, turn, more=None):
    """Types by table and column, those of this turn."""
    return {
        table: {
            name: types[family][turn % len(types[family])] for name, family in columns.items()
        }
        | (more or {})
        for table, columns in FAMILIES.items()
    }


def test_raw_columns_of_other_types(drift, engine):
    """Guards against: a cast that nobody asked for: another day for a time with a zone, a rounded
    amount, a number that was an id; an error about some view instead of the raw column."""
    drift.recreate_raw(typed(ALLOWED[engine], 2))
    drift.insert(FAMILIES)
    drift.run()
    assert_marts_equal(drift.warehouse, drift.rows.marts())
    rounds = max(map(len, WRONG[engine].values()))
    for turn in range(rounds):
        wrong = typed(WRONG[engine], turn, {"loaded_at": ["date", "timestamptz"][turn % 2]})
        drift.recreate_raw(wrong)
        message = drift.refused(loaded=True)
        for table, columns in FAMILIES.items():
            for name, family in (columns | {"loaded_at": "timestamp"}).items():
                assert re.search(
                    rf"column {name} of table {drift.warehouse.raw_schema}\.{table} is [a-z]"
                    rf"[^;]*, must be {re.escape(WORDS[family])}",
                    message,
                ), (name, wrong[table], message)


def test_raw_columns_renamed(drift, engine):
    """Guards against: an error about some view instead of the name of the column."""
    drift.recreate_raw(typed(ALLOWED[engine], 2))
    drift.insert(FAMILIES)
    drift.run()
    schema = drift.warehouse.raw_schema
    new_names = ["{}_", "x{}"]
    if engine == "postgres":
        # To PostgreSQL a name in capitals is another name.
        new_names.append('"{}"')
    for new_name in new_names:
        drift.recreate_raw({
            table: {new_name.format(name.upper()): kind for name, kind in columns.items()}
            for table, columns in typed(ALLOWED[engine], 2).items()
        })
        message = drift.refused()
        for table, columns in FAMILIES.items():
            for name in columns:
                assert f"table {schema}.{table} has no column {name}" in message


@pytest.mark.parametrize("as_views", [False, True])
def test_raw_columns_of_allowed_types(drift, engine, as_views):
    """Guards against: a type that is refused though it holds the same values; a further column, a
    view or another order of columns that changes a mart."""
    for turn in range(3):
        types = {
            table: dict(reversed((columns | {"added_later": "integer"}).items()))
            for table, columns in typed(ALLOWED[engine], turn, LOADED_AT).items()
        }
        drift.recreate_raw(types, as_views)
        drift.insert(FAMILIES, "{}_stored" if as_views else "{}")
        drift.rows.rows["channel"].append((f"New {turn}",))
        drift.warehouse.execute(
            f"insert into {drift.warehouse.raw_schema}.channel{'_stored' if as_views else ''}"
            f" (channelname) values ('New {turn}')"
        )
        drift.run()
        assert_marts_equal(drift.warehouse, drift.rows.marts())


MARTS_CHANGED = {
    "user_revenue": (
        "select *, 1 as added from {}",
        "table {}.user_revenue has a column added (integer) that the contract does not have",
    ),
    "user_first_last_touch": (
        "select user_id, first_touch_channel, first_touch_at, last_touch_channel, last_touch_at"
        " from {}",
        "table {}.user_first_last_touch has no column session_count (",
    ),
    "monthly_channel_conversion": (
        "select session_month, channel, unique_users, paid_users as payers, conversion_rate,"
        " gross_revenue, net_revenue from {}",
        "table {}.monthly_channel_conversion has no column paid_users (",
    ),
    "fct_sessions": (
        "select session_id, user_id, channel, started_at, session_date, transaction_count,"
        " cast(gross_revenue as numeric(18, 4)) as gross_revenue, net_revenue, is_paid,"
        " refunded_transaction_count, is_listed_channel, row_hash from {}",
        "column gross_revenue of table {}.fct_sessions is",
    ),
    "top_revenue_users": (
        "select user_id, revenue_rank, gross_revenue, net_revenue from {}",
        "the columns of table {}.top_revenue_users are in the order user_id, revenue_rank,",
    ),
}
STATE_CHANGED = {
    "rebuild_days": (
        "select cast(session_date as timestamp) as session_date, reason, invocation_id,"
        " is_finished from {}",
        "column session_date of table {}.rebuild_days is timestamp",
    ),
    "rebuild_scope": (
        "select *, 1 as added from {}",
        "table {}.rebuild_scope has a column added (integer)",
    ),
    "rebuild_loads": (
        "select invocation_id, loaded_through from {}",
        "table {}.rebuild_loads has no column is_finished (boolean)",
    ),
}


def build(drift, engine):
    drift.recreate_raw(typed(ALLOWED[engine], 2))
    drift.insert(FAMILIES)
    drift.run()


def migrate(drift, message):
    """Type the command that a message names."""
    command = re.search(r"migrate: (.*)\. See docs/contract-changes\.md", message)[1]
    for part in command.split(" && "):
        program, *arguments = shlex.split(part)
        assert program == "dbt"
        # The few rows here are not meant to pass the checks of data.
        arguments = ["run" if argument == "build" else argument for argument in arguments]
        # In this process: DuckDB's file is open in it.
        outcome = dbtRunner().invoke(["--log-level", "none", *arguments])
        assert outcome.success, (part, outcome.exception or outcome.result)
    return command


def test_mart_that_differs_from_its_contract(drift, engine):
    """Guards against: a contract that changed and a table that did not: rows inserted by name into
    other columns, rounded without a word, or an error when half of the tables are rebuilt."""
    build(drift, engine)
    schema = drift.warehouse.schema
    drift.replace("top_revenue_users", MARTS_CHANGED["top_revenue_users"][0])
    # What this run does not write does not stop it.
    drift.runner.run("--select", "user_revenue")
    for table, (query, _) in MARTS_CHANGED.items():
        if table != "top_revenue_users":
            drift.replace(table, query)
    message = drift.refused()
    for _, text in MARTS_CHANGED.values():
        assert text.format(schema) in message
    types = "is numeric(18,4), the contract says numeric(18,2)"
    assert types in message.replace("decimal", "numeric")
    command = migrate(drift, message)
    assert command.startswith("dbt build --full-refresh --select ") and "fct_sessions+" in command
    assert_marts_equal(drift.warehouse, drift.rows.marts())
    drift.run()


def test_state_that_differs_from_its_contract(drift, engine):
    """Guards against: a full refresh that leaves the tables that are never refreshed as they are;
    a migration that loses what they remembered."""
    build(drift, engine)
    schema = drift.warehouse.schema
    remembered = drift.warehouse.query(f"select count(*) from {schema}.rebuild_days")
    for table, (query, _) in STATE_CHANGED.items():
        drift.replace(table, query)
    for options in ([], ["--full-refresh"]):
        message = drift.refused(*options)
        for _, text in STATE_CHANGED.values():
            assert text.format(schema) in message
    command = migrate(drift, message)
    for table in STATE_CHANGED:
        assert f"dbt run-operation set_aside --args '{{table: {table}}}'" in command
    assert_marts_equal(drift.warehouse, drift.rows.marts())
    tables = drift.tables()
    (old,) = [name for name in tables if name.startswith("rebuild_days_until_")]
    assert [(len(tables[old][1]),)] == remembered
    drift.run()


def test_only_what_runs_remember_is_set_aside(drift, engine):
    """Guards against: a rename of a mart by a slip, and a table with its keys that cannot be
    renamed."""
    build(drift, engine)

    def set_aside(table):
        arguments = ["run-operation", "set_aside", "--args", json.dumps({"table": table})]
        said.clear()
        runner = dbtRunner(callbacks=[lambda event: said.append(event.info.msg)])
        return runner.invoke([*arguments, "--target", engine, "--log-level", "none"]).success

    said = []
    for table in ("fct_sessions", "x; drop schema y"):
        assert not set_aside(table)
        assert "table must be one of r" in " ".join(said)
    assert set_aside("rebuild_days")
    assert "rebuild_days" not in drift.tables()
    drift.run()
    assert_marts_equal(drift.warehouse, drift.rows.marts())
