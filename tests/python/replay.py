"""Replays a history on a warehouse and compares after every run what the run promises."""

import json
import os
from collections import Counter
from datetime import datetime

import oracle
from dbt_here import dbtRunner
from histories import Source, whole_days
from raw import (
    COLUMNS,
    RawTables,
    assert_marts_equal,
    create_raw_tables,
    read_marts,
    read_rejected,
)
from warehouse import PROJECT_ROOT

LOADED_AT = "loaded_at"


class Runner:
    """Runs dbt on a warehouse in this process, with manifests kept: a run costs about a second.

    Args:
        warehouse: Warehouse; the raw tables get a column of load times.
        monkeypatch: pytest's, to set the environment that the profile reads.
        project: folder of the dbt project.
        keyed: the session tables in raw get primary keys, as `make load` gives them.
    """

    def __init__(self, warehouse, monkeypatch, project=PROJECT_ROOT, keyed=False):
        self.warehouse = warehouse
        self.keyed = keyed
        self.full_schema = f"{warehouse.schema}_full"
        self._monkeypatch = monkeypatch
        self._manifests = {}
        self._views = {}
        for name in [name for name in os.environ if name.startswith("DBT_")]:
            monkeypatch.delenv(name)
        for name, value in warehouse.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(project)
        create_raw(warehouse)
        for table in ("user_session_channel", "session_timestamp") if keyed else ():
            warehouse.execute(
                f"alter table {warehouse.raw_schema}.{table} add primary key (sessionid)"
            )

    def reset(self):
        """Forget all marts."""
        self._drop_tables(self.warehouse.schema)

    def run(self, *options, loaded=False, check=True):
        """dbt run; raises AssertionError with dbt's messages when it fails, unless told not to."""
        self._invoke(self.warehouse.schema, options, LOADED_AT if loaded else None, check)

    def operation(self, name):
        """dbt run-operation, after run(); returns whether it succeeded, and all that dbt said."""
        said = []
        manifest = self._manifests[(self.warehouse.schema, None)]
        outcome = dbtRunner(
            manifest=manifest, callbacks=[lambda event: said.append(event.info.msg)]
        ).invoke(
            ["--log-level", "none", "--log-level-file", "none", "run-operation", name]
            + self._arguments(self.warehouse.schema, None)
        )
        return outcome.success, " ".join(" ".join(said).split())

    def full_build(self):
        """Marts of one full build in a schema without tables."""
        self._drop_tables(self.full_schema)
        self._invoke(self.full_schema, [], None)
        return read_marts(self.warehouse, self.full_schema)

    def _drop_tables(self, schema):
        for table in self.warehouse.tables(schema):
            self.warehouse.drop_table(schema, table)

    def _arguments(self, schema, loaded_at_column):
        """What every command is given; sets the schema."""
        self._monkeypatch.setenv("DBT_SCHEMA", schema)
        variables = {
            "demo_data": False,
            "raw_schema": self.warehouse.raw_schema,
            "loaded_at_column": loaded_at_column,
            # Histories are full of both.
            "max_rejected_percent": 100,
            "max_empty_days": 100000,
        }
        return ["--target", self.warehouse.engine, "--vars", json.dumps(variables)]

    def _invoke(self, schema, options, loaded_at_column, check=True):
        arguments = self._arguments(schema, loaded_at_column)
        quiet = ["--log-level", "none", "--log-level-file", "none"]
        key = (schema, loaded_at_column)
        if key not in self._manifests:
            parsed = dbtRunner().invoke([*quiet, "parse", "--no-partial-parse", *arguments])
            self._manifests[key] = parsed.result
        if self._views.get(schema) == key and "--select" not in options:
            # They read raw as they did in the run before: a third of the time of a run.
            arguments += ["--exclude", "path:models/staging", "int_sessions", "int_channels"]
        outcome = dbtRunner(manifest=self._manifests[key]).invoke(
            [*quiet, "--no-write-json", "run", *arguments, *options]
        )
        self._views[schema] = key if outcome.success and "--select" not in options else None
        if check and not outcome.success:
            messages = [result.message for result in outcome.result or []]
            raise AssertionError(f"dbt run failed: {outcome.exception or messages}")


def replay(runner, history, loaded, with_full_build=True):
    """Apply a history; after each run compare what it promises, after the last step everything.

    Args:
        runner: Runner.
        history: list of steps, see histories.
        loaded: whether the last run goes by load times.
        with_full_build: compare with a full build too, not only with the oracle.
    """
    runner.reset()
    source = Source(runner.keyed)
    warehouse = runner.warehouse
    for step in [*history, ("run_loaded" if loaded else "run",)]:
        if step[0] == "drop":
            warehouse.drop_table(warehouse.schema, step[1])
            continue
        if not step[0].startswith("run"):
            source.apply(step)
            continue
        write(source, warehouse)
        if step[0] == "run_part":
            # Where nothing was built yet it may fail, which is no reason for the next run to.
            runner.run(*step[1].split(), check=False)
            continue
        if step[0] == "run_interval":
            run_interval(runner, source, *step[1:], loaded)
        else:
            runner.run(loaded=step[0] == "run_loaded")
            assert_marts_equal(warehouse, expected_marts(source))
            assert read_rejected(warehouse) == RawTables(**source.rows()).rejected()
            if with_full_build:
                assert_marts_equal(warehouse, runner.full_build())
        assert_finished(warehouse)


def run_interval(runner, source, start, end, loaded):
    """Run an interval and compare.

    Its days, and those that earlier runs left unfinished, are as in raw; no other day has changed,
    except that a session which moved into them left its old day; and all marts agree with
    fct_sessions.
    """
    warehouse = runner.warehouse
    before = read_sessions(warehouse)
    rejected_before = read_rejected(warehouse) if table_exists(warehouse, "rejected_records") else {}
    unfinished = unfinished_days(warehouse)
    runner.run(
        *("--event-time-start", start.isoformat(), "--event-time-end", end.isoformat()),
        loaded=loaded,
    )
    first, last = whole_days(start, end)

    def is_due(day):
        return day is not None and (first <= day < last or day in unfinished)

    def due(session):
        return is_due(session[4])

    raw = set(filter(due, expected_marts(source)["fct_sessions"]))
    moved_in = {session[0] for session in raw}
    kept = {session for session in before if not due(session) and session[0] not in moved_in}
    after = read_sessions(warehouse)
    assert set(after) == raw | kept, "the interval run changed too much or too little"
    listed = oracle.listed_channels((name,) for name in source.channels)
    assert_marts_equal(warehouse, oracle.marts_of_sessions(after, listed.values()))

    # Records of the sessions that have, or had, a time on those days. A session that contradicts
    # itself may still stand on a day that is not due.
    used = {session[0] for session in after}
    tables = RawTables(**source.rows())
    looked_at = {
        session
        for session, ts in tables.rows["session_timestamp"]
        if isinstance(ts, datetime) and is_due(ts.date())
    } | {record[1] for record in rejected_before if is_due(record[4])}
    expected = Counter({
        record: count
        for record, count in tables.rejected().items()
        if record[1] in looked_at and (record[1] not in used or record[2] in oracle.OWN_FAULTS)
    })
    found = read_rejected(warehouse)
    assert Counter({key: found[key] for key in found if key[1] in looked_at}) == expected


def create_raw(warehouse):
    """Create the raw tables, empty, with a column of load times, and room for amounts out of range."""
    tables = {table: columns | {LOADED_AT: "timestamp"} for table, columns in COLUMNS.items()}
    tables["session_transaction"]["amount"] = "bigint"
    create_raw_tables(warehouse, **tables)


def write(source, warehouse):
    """Make the warehouse's raw tables hold the source's rows, with their load times."""
    RawTables(**source.rows(loaded=True)).write(warehouse)


def expected_marts(source):
    """What the marts must hold, by the oracle."""
    return RawTables(**source.rows()).marts()


def table_exists(warehouse, name):
    return name in warehouse.tables(warehouse.schema)


def unfinished_days(warehouse):
    """Days that earlier runs listed and did not finish."""
    if not table_exists(warehouse, "rebuild_days"):
        return set()
    schema = warehouse.schema
    rows = warehouse.query(f"select session_date from {schema}.rebuild_days where not is_finished")
    return {day for (day,) in rows}


def read_sessions(warehouse):
    """fct_sessions as oracle.marts_of_sessions takes it; empty before the first build."""
    if not table_exists(warehouse, "fct_sessions"):
        return {}
    columns = oracle.COLUMNS["fct_sessions"].split()
    rows = warehouse.query(
        f"select {', '.join(columns)}, refunded_transaction_count"
        f" from {warehouse.schema}.fct_sessions"
    )
    return {row[:-1]: row[-1] for row in rows}


def assert_finished(warehouse):
    """A run that succeeded leaves nothing to do."""
    assert unfinished_days(warehouse) == set()
    assert warehouse.query(f"select * from {warehouse.schema}.rebuild_scope") == []
