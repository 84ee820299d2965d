"""Several dbt processes at once: nothing twice, nothing lost, and nothing wrong after the next run.

On PostgreSQL they take turns, by advisory locks (macros/engines/lock_mart.sql) with the primary
keys behind. On DuckDB only one process can open the file.
"""

import os
import random
import re
import shutil
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from oracle import KEYS
from project_copy import copy_project, replace
from raw import assert_marts_equal, read_marts
from replay import (
    assert_finished,
    create_raw,
    expected_marts,
    table_exists,
    unfinished_days,
    write,
)
from test_crash import VARIABLES, Child, change, new_source
from tiers import size
from warehouse import Warehouse

PROCESSES = 4
# dbt replaces views by renaming them, so of two processes that do so at once one fails at a view.
# Without views all four get as far as the marts.
WITHOUT_VIEWS = ["--exclude", "config.materialized:view"]

# What a process says that failed.
ERROR = re.compile(r"Error in model (\S+) .*\n\S* *(.*)")

JULY = date(2019, 7, 1), date(2019, 8, 1)

# In a copy of the project, whoever has deleted from user_revenue waits here before it inserts.
INSERT = "    insert into {{ target }} ("
DELETE = "    delete from {{ target }} where {{ due }};"
# ... and whoever ends a run, here before it empties rebuild_scope.
FINISH = "{{ lock_sessions() }}"
GATE = """
    {%- if model.name == 'user_revenue' %}
    select pg_advisory_xact_lock_shared(GATE_KEY);
    {%- endif %}
"""
PRIMARY_KEY = re.compile(r"    constraints:\n      - type: primary_key\n        columns: .*\n")


@pytest.fixture
def postgres(postgres_environment, tmp_path):
    """A Warehouse on PostgreSQL with raw tables."""
    warehouse = Warehouse("postgres", tmp_path, postgres_environment)
    create_raw(warehouse)
    yield warehouse
    warehouse.drop()


def overlapping_interval(dice):
    """First day and day after the last, of an interval that has the middle of July in it."""
    start = date(2019, 7, dice.randint(1, 15))
    return start, start + timedelta(days=dice.randint(16, 40))


def options_of(interval):
    """dbt's options for an interval; none for None, a plain run."""
    if interval is None:
        return []
    return ["--event-time-start", str(interval[0]), "--event-time-end", str(interval[1])]


class Race:
    """dbt processes that run at the same time.

    Args:
        warehouse: Warehouse.
        options: options for all of them.
    """

    def __init__(self, warehouse, options=()):
        self._warehouse = warehouse
        self._options = options
        self._pool = ThreadPoolExecutor(PROCESSES)
        self._runs = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._pool.shutdown()

    def start(self, interval, *options):
        """Start one on an interval; None for a plain run. Options are added to those of all."""
        # Each with a folder of its own: what dbt writes there is no part of the race. What it has
        # parsed may be used by all.
        target = Path(self._warehouse.environment["DBT_TARGET_PATH"])
        own_target = target.with_name(f"target_{len(self._runs)}")
        own_target.mkdir(exist_ok=True)
        if (target / "partial_parse.msgpack").exists():
            shutil.copy(target / "partial_parse.msgpack", own_target)
        run = self._pool.submit(
            self._warehouse.dbt,
            "run",
            *options_of(interval),
            *self._options,
            *options,
            vars=VARIABLES,
            check=False,
            extra_env={"DBT_TARGET_PATH": str(own_target)},
        )
        self._runs.append((interval, run))

    def any_over(self):
        """Whether one has ended."""
        return any(run.done() for _, run in self._runs)

    def winners(self):
        """Wait for the end of all; returns the intervals of those that succeeded. Fails if one
        failed without saying why."""
        winners = []
        for interval, run in self._runs:
            result = run.result()
            if result.returncode == 0:
                winners.append(interval)
            else:
                # 1 is a model that failed, 2 an exception that dbt did not expect.
                assert result.returncode == 1, result.stdout
                errors = ERROR.findall(result.stdout)
                assert errors, result.stdout
                print("  failed:", "; ".join(map(": ".join, errors)))
        return winners


def duplicates(warehouse):
    """Keys that stand more than once, as pairs (mart, key)."""
    found = []
    for mart, key in KEYS.items():
        if table_exists(warehouse, mart):
            rows = warehouse.query(
                f"select {key} from {warehouse.schema}.{mart} group by {key} having count(*) > 1"
            )
            found += [(mart, row) for row in rows]
    return found


def assert_days_equal(warehouse, source, intervals):
    """Fail unless fct_sessions holds what raw has on the days of the intervals; None is all."""

    def sessions(marts):
        return sorted(
            row
            for row in marts["fct_sessions"]
            if any(span is None or span[0] <= row[4] < span[1] for span in intervals)
        )

    assert sessions(read_marts(warehouse)) == sessions(expected_marts(source))


def assert_next_run_mends(warehouse, source):
    """Fail unless one plain run makes all marts equal to the oracle."""
    warehouse.dbt("run", vars=VARIABLES)
    assert_marts_equal(warehouse, expected_marts(source))
    assert_finished(warehouse)


def race_rounds(warehouse, count, begin):
    """Change raw, run four processes at once, compare; so many times.

    Args:
        warehouse: Warehouse with raw tables.
        count: number of rounds.
        begin: function that prepares a round, by its number; returns dbt's options in it.

    Returns:
        how many processes succeeded in each round.
    """
    dice = random.Random(count)
    source = new_source(dice)
    write(source, warehouse)
    warehouse.dbt("run", vars=VARIABLES)
    won = []
    for number in range(count):
        options = begin(number)
        change(source, dice)
        write(source, warehouse)
        # In every third round two plain runs are among them, and the raw tables change once more
        # when the first process has listed its days.
        mixed = number % 3 == 2
        with Race(warehouse, options) as race:
            for process in range(PROCESSES):
                race.start(None if mixed and process < 2 else overlapping_interval(dice))
            if mixed:
                while not race.any_over() and not unfinished_days(warehouse):
                    time.sleep(0.01)
                change(source, dice)
                write(source, warehouse)
            winners = race.winners()
        won.append(len(winners))
        print(f"round {number}: {len(winners)} succeeded", *options)

        assert duplicates(warehouse) == []
        if winners and not mixed:
            assert_days_equal(warehouse, source, winners)
        assert_next_run_mends(warehouse, source)
    print(Counter(won))
    return won


def test_processes_at_once(postgres):
    """Guards against: processes that rebuild the same days at the same time and leave rows twice or
    not at all, as two runs of delete and insert do; and against days that one of them marks
    finished while another has still to rebuild them."""

    def begin(number):
        return [] if number % 3 == 1 else WITHOUT_VIEWS

    won = race_rounds(postgres, size(3, 25), begin)
    # Failing is allowed, but a race in which nobody gets to the end shows nothing.
    assert sum(won) > len(won)


def test_first_builds_at_once(postgres):
    """Guards against: processes that create the marts at the same time, plain and for an interval,
    and leave rows twice, or marts that the next run takes for complete."""

    def begin(number):
        postgres.execute(f"drop schema {postgres.schema} cascade")
        if number % 2:
            return []
        # All that comes before fct_sessions is there already, so that all four come as far as that.
        postgres.dbt("run", "--exclude", "fct_sessions+", vars=VARIABLES)
        return ["--exclude", "staging", "int_sessions", "int_channels", "rebuild_scope"]

    race_rounds(postgres, size(1, 5), begin)


def gate_key(warehouse, gate="gate"):
    """The key of a gate's advisory lock, as an SQL expression."""
    return f"hashtext('{warehouse.schema}.{gate}')"


def raced_copy(folder, key):
    """Copy the project into a folder, without primary keys and with the gate."""
    copy_project(folder)
    contracts = folder / "models/marts/_marts.yml"
    for constraint in set(PRIMARY_KEY.findall(contracts.read_text(encoding="utf-8"))):
        replace(contracts, constraint, "")
    assert "primary_key" not in contracts.read_text(encoding="utf-8")
    gate = GATE.replace("GATE_KEY", key)
    replace(folder / "macros/engines/get_incremental_rebuild_sql.sql", INSERT, gate + INSERT)


def waiting(warehouse):
    """How many sessions of dbt in this warehouse wait for a lock."""
    return warehouse.query(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        f" and datname = current_database() and strpos(query, '{warehouse.schema}') > 0"
    )[0][0]


def wait_for(condition, race):
    """Wait until it is true; fail if a process of the race ends before."""
    while not condition():
        assert not race.any_over(), race.winners()
        time.sleep(0.05)


def held_race(warehouse, project, source):
    """Change raw and run two processes on one month. One is held between delete and insert until
    the other cannot go on either; then both go on. Returns how many succeeded."""
    change(source, random.Random(6))
    write(source, warehouse)
    # One thread: a process then waits for one lock at a time.
    options = ["--project-dir", str(project), "--threads", "1", *WITHOUT_VIEWS]
    gate = warehouse.connect()
    with Race(warehouse, options) as race:
        try:
            gate.cursor().execute(f"select pg_advisory_lock({gate_key(warehouse)})")
            for count in (1, 2):
                race.start(JULY)
                wait_for(lambda: waiting(warehouse) == count, race)
        finally:
            gate.close()
        return len(race.winners())


def test_lock_makes_the_difference(postgres, tmp_path):
    """Control for the races above, guards against: races that nothing could lose. With the lock,
    two processes leave nothing twice, even with one held where it hurts and without primary keys.
    Without the lock, all else the same, users stand twice."""
    source = new_source(random.Random(5))
    write(source, postgres)
    with_lock = tmp_path / "with_lock"
    raced_copy(with_lock, gate_key(postgres))
    postgres.dbt("run", "--project-dir", str(with_lock), vars=VARIABLES)
    assert held_race(postgres, with_lock, source) == 2
    assert duplicates(postgres) == []
    assert_days_equal(postgres, source, [JULY])
    assert_next_run_mends(postgres, source)

    without_lock = tmp_path / "without_lock"
    shutil.copytree(with_lock, without_lock)
    replace(
        without_lock / "macros/engines/lock_mart.sql",
        "macro postgres__lock_mart",
        "macro unused_lock_mart",
    )
    # Past user_revenue they may delete the same rows in another order, and one of them is refused.
    assert held_race(postgres, without_lock, source) >= 1
    assert "user_revenue" in {mart for mart, _ in duplicates(postgres)}


def held_finish(warehouse, project, source):
    """Change raw; one process has rebuilt everything and is held before it empties rebuild_scope,
    another has read rebuild_scope for user_revenue and is held before it deletes by it. The first
    goes on until it ends or waits, then the second. Returns whether both succeeded."""
    change(source, random.Random(8))
    write(source, warehouse)
    options = ["--project-dir", str(project), "--threads", "1", *WITHOUT_VIEWS]
    finish, delete = warehouse.connect(), warehouse.connect()
    with Race(warehouse, options) as race:
        try:
            finish.cursor().execute(f"select pg_advisory_lock({gate_key(warehouse, 'finish')})")
            race.start(None)
            wait_for(lambda: waiting(warehouse) == 1, race)
            delete.cursor().execute(f"select pg_advisory_lock({gate_key(warehouse, 'delete')})")
            race.start(None, "--select", "user_revenue")
            wait_for(lambda: waiting(warehouse) == 2, race)
            finish.close()
            while waiting(warehouse) == 1 and not race.any_over():
                time.sleep(0.05)
        finally:
            finish.close()
            delete.close()
        return len(race.winners()) == 2


def test_lock_holds_back_the_end_of_a_run(postgres, tmp_path):
    """Guards against: a run that ends and empties rebuild_scope while another one is between
    reading and deleting by it: that one would delete nothing and insert its users once more. The
    control without that lock fails on the primary key."""
    source = new_source(random.Random(7))
    write(source, postgres)
    project = copy_project(tmp_path / "with_lock")
    strategy = project / "macros/engines/get_incremental_rebuild_sql.sql"
    gate = GATE.replace("GATE_KEY", gate_key(postgres, "delete"))
    replace(strategy, DELETE, gate + DELETE)
    finish = project / "macros/rebuild/finish_rebuild.sql"
    gate = f"select pg_advisory_xact_lock_shared({gate_key(postgres, 'finish')});"
    replace(finish, FINISH, gate + FINISH)
    postgres.dbt("run", "--project-dir", str(project), vars=VARIABLES)
    assert held_finish(postgres, project, source)
    assert_next_run_mends(postgres, source)

    replace(finish, FINISH, "")
    assert not held_finish(postgres, project, source)
    assert_next_run_mends(postgres, source)


def test_second_process_on_duckdb_is_refused(tmp_path):
    """Guards against: a second process that writes into an open DuckDB file, waits without a word,
    or fails with an error that does not say who has the file."""
    warehouse = Warehouse("duckdb", tmp_path)
    source = new_source(random.Random(7))
    create_raw(warehouse)
    write(source, warehouse)
    with Child(warehouse, "run", vars=VARIABLES) as first:
        first.read(10)
        # Halted, it keeps the file for as long as the second takes.
        os.kill(first.process.pid, signal.SIGSTOP)
        second = warehouse.dbt(
            "run",
            vars=VARIABLES,
            check=False,
            extra_env={"DBT_TARGET_PATH": str(tmp_path / "target_of_second")},
        )
        os.kill(first.process.pid, signal.SIGCONT)
        assert first.finish() == 0, "".join(first.lines)
    assert second.returncode == 2
    assert "Could not set lock on file" in second.stdout
    assert str(warehouse.duckdb_path) in second.stdout
    assert f"(PID {first.process.pid})" in second.stdout
    assert_marts_equal(warehouse, expected_marts(source))
    assert_next_run_mends(warehouse, source)
