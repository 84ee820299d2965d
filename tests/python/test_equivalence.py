"""After any history of raw changes and runs the marts equal one full build, and a plain Python
oracle that shares no SQL with the project.

A failing history is shrunk by Hypothesis. Keep it: add it to REGRESSIONS.
"""

import json
import os
from datetime import datetime

import oracle
import pytest
from dbt.cli.main import dbtRunner
from histories import Source, histories, whole_days
from hypothesis import HealthCheck, Phase, example, given, settings
from raw import COLUMNS, RawTables, assert_marts_equal, create_raw_tables, read_marts
from tiers import LONG, size
from warehouse import PROJECT_ROOT

LOADED_AT = "loaded_at"


class Runner:
    """Runs dbt on a warehouse in this process, with manifests kept: a run costs about a second.

    Args:
        warehouse: Warehouse; the raw tables get a column of load times.
        monkeypatch: pytest's, to set the environment that the profile reads.
    """

    def __init__(self, warehouse, monkeypatch):
        self.warehouse = warehouse
        self.full_schema = f"{warehouse.schema}_full"
        self._monkeypatch = monkeypatch
        self._manifests = {}
        for name in [name for name in os.environ if name.startswith("DBT_")]:
            monkeypatch.delenv(name)
        for name, value in warehouse.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(PROJECT_ROOT)
        load_time = {LOADED_AT: "timestamp"}
        create_raw_tables(
            warehouse, **{table: columns | load_time for table, columns in COLUMNS.items()}
        )

    def reset(self):
        """Forget all marts."""
        self.warehouse.execute(f"drop schema if exists {self.warehouse.schema} cascade")

    def run(self, *options, loaded=False):
        """dbt run; raises what dbt raised."""
        self._invoke(self.warehouse.schema, options, LOADED_AT if loaded else None)

    def full_build(self):
        """Marts of one full build in an empty schema."""
        self.warehouse.execute(f"drop schema if exists {self.full_schema} cascade")
        self._invoke(self.full_schema, [], None)
        return read_marts(self.warehouse, self.full_schema)

    def _invoke(self, schema, options, loaded_at_column):
        self._monkeypatch.setenv("DBT_SCHEMA", schema)
        variables = {
            "demo_data": False,
            "raw_schema": self.warehouse.raw_schema,
            "loaded_at_column": loaded_at_column,
        }
        arguments = ["--target", self.warehouse.engine, "--vars", json.dumps(variables)]
        quiet = ["--log-level", "none", "--log-level-file", "none"]
        key = (schema, loaded_at_column)
        if key not in self._manifests:
            parsed = dbtRunner().invoke([*quiet, "parse", "--no-partial-parse", *arguments])
            self._manifests[key] = parsed.result
        outcome = dbtRunner(manifest=self._manifests[key]).invoke(
            [*quiet, "--no-write-json", "run", *arguments, *options]
        )
        if not outcome.success:
            messages = [result.message for result in outcome.result or []]
            raise AssertionError(f"dbt run failed: {outcome.exception or messages}")


def replay(runner, history, loaded):
    """Apply a history; after each run compare what it promises, after the last step everything."""
    runner.reset()
    source = Source()
    warehouse = runner.warehouse
    for step in [*history, ("run_loaded" if loaded else "run",)]:
        if not step[0].startswith("run"):
            source.apply(step)
            continue
        RawTables(**source.rows(loaded=True)).write(warehouse)
        if step[0] == "run_interval":
            run_interval(runner, source, *step[1:])
        else:
            runner.run(loaded=step[0] == "run_loaded")
            expected = RawTables(**source.rows()).marts()
            assert_marts_equal(warehouse, expected)
            assert_marts_equal(warehouse, runner.full_build())
        assert_finished(warehouse)


def run_interval(runner, source, start, end):
    """Run an interval: its days are as in raw, no other day has changed, except that a session which
    moved into the interval left its old day; and all marts agree with fct_sessions."""
    warehouse = runner.warehouse
    before = read_sessions(warehouse)
    runner.run("--event-time-start", start.isoformat(), "--event-time-end", end.isoformat())
    first, last = whole_days(start, end)
    raw = {
        session
        for session in RawTables(**source.rows()).marts()["fct_sessions"]
        if first <= session[4] < last
    }
    moved_in = {session[0] for session in raw}
    kept = {
        session
        for session in before
        if not first <= session[4] < last and session[0] not in moved_in
    }
    after = read_sessions(warehouse)
    assert set(after) == raw | kept, "the interval run changed too much or too little"
    listed = oracle.listed_channels((name,) for name in source.channels)
    assert_marts_equal(warehouse, oracle.marts_of_sessions(after, listed.values()))


def read_sessions(warehouse):
    """fct_sessions as oracle.marts_of_sessions takes it; empty before the first build."""
    if not warehouse.query(
        "select 1 from information_schema.tables"
        f" where table_schema = '{warehouse.schema}' and table_name = 'fct_sessions'"
    ):
        return {}
    columns = oracle.COLUMNS["fct_sessions"].split()
    rows = warehouse.query(
        f"select {', '.join(columns)}, refunded_transaction_count"
        f" from {warehouse.schema}.fct_sessions"
    )
    return {row[:-1]: row[-1] for row in rows}


def assert_finished(warehouse):
    """A run that succeeded leaves nothing to do."""
    schema = warehouse.schema
    assert warehouse.query(f"select * from {schema}.rebuild_days where not is_finished") == []
    assert warehouse.query(f"select * from {schema}.rebuild_scope") == []


@pytest.fixture
def runner(warehouse, monkeypatch):
    runner = Runner(warehouse, monkeypatch)
    yield runner
    # Before the environment goes: the adapter may still hold the file or a connection.
    warehouse.execute(f"drop schema if exists {runner.full_schema} cascade")


def examples(engine):
    """Settings of Hypothesis: how many histories, by engine and tier."""
    short, long = {"duckdb": (14, 160), "postgres": (5, 55)}[engine]
    return settings(
        max_examples=size(short, long),
        derandomize=not LONG,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


@pytest.mark.parametrize("loaded", [False, True], ids=["compared", "by_load_time"])
def test_any_history_equals_a_full_build(runner, loaded):
    """Guards against: marts that depend on how they came about. Inserts, edits, moves and deletions
    in any order with plain and interval runs, compared with a full build and with the oracle."""

    @examples(runner.warehouse.engine)
    @given(history=histories(loaded))
    def histories_equal(history):
        replay(runner, history, loaded)

    for history in REGRESSIONS:
        histories_equal = example(history=history)(histories_equal)
    histories_equal()


JULY = datetime(2019, 7, 1), datetime(2019, 8, 1)
REGRESSIONS = [
    # A session moves into an interval from a day outside of it: it must not stand twice.
    [
        ("insert", "s0", 1, "Google", datetime(2019, 8, 1), [(False, 10)]),
        ("run",),
        ("move", "s0", datetime(2019, 7, 1)),
        ("run_interval", *JULY),
    ],
    # A channel is listed that nobody used: the grid grows though no day changed.
    [
        ("insert", "s0", 1, "Google", datetime(2019, 7, 1), []),
        ("run",),
        ("list_channel", "Newsletter"),
        ("run",),
    ],
]
