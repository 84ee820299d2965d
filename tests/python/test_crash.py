"""After a run that died, however and whenever, one plain run makes the marts what they must be.

A round changes the raw tables, starts dbt, ends it by force after some line of its output, and runs
dbt once more to the end. Rounds go on in one warehouse, so that what one crash left behind would
show in a later round too. Moments and changes come from a fixed seed.
"""

import itertools
import json
import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from datetime import datetime, timedelta

import oracle
import pytest
from histories import Source
from postgres_server import PostgresServer
from project_copy import copy_with_broken_user_revenue
from raw import RawTables, assert_marts_equal, read_marts
from replay import (
    LOADED_AT,
    assert_finished,
    create_raw,
    expected_marts,
    read_sessions,
    table_exists,
    unfinished_days,
    write,
)
from tiers import size
from warehouse import PROJECT_ROOT, Warehouse

FIRST_DAY = datetime(2019, 7, 1)
DAYS = 62
# More users than top_revenue_users lists.
USERS = range(14)
CHANNELS = ["Google", "google", " Naver ", "TikTok", None]

VARIABLES = {"demo_data": False}
# Here not every day has a session.
ANY_GAP = {"max_empty_days": 100000}
LOAD_TIME_VARIABLES = VARIABLES | {"loaded_at_column": LOADED_AT}

# "00:00:00  9 of 14 START sql incremental model analytics.fct_sessions ....... [RUN]"
PROGRESS = re.compile(r"\d+ of \d+ (START|OK|ERROR|SKIP) (.+?) [.\[]")

# What the run is that dies. Each round takes the next.
KINDS = ["plain", "interval", "by load time", "full refresh", "first build"]


def moment(dice):
    """A time in the two months of these histories."""
    return FIRST_DAY + timedelta(seconds=dice.randrange(DAYS * 24 * 3600))


def interval(dice):
    """Options of dbt for an interval of up to 30 days."""
    start = FIRST_DAY + timedelta(days=dice.randrange(DAYS - 10))
    end = start + timedelta(days=dice.randint(1, 30))
    return ["--event-time-start", f"{start:%Y-%m-%d}", "--event-time-end", f"{end:%Y-%m-%d}"]


def insert_sessions(source, dice, count):
    for _ in range(count):
        payments = [
            (dice.random() < 0.2, dice.randint(-5, 300)) for _ in range(dice.randrange(3))
        ]
        source.insert(
            f"s{dice.getrandbits(48):x}",
            dice.choice(USERS),
            dice.choice(CHANNELS),
            moment(dice),
            payments,
        )


def new_source(dice):
    """Raw rows to begin with."""
    source = Source()
    insert_sessions(source, dice, 80)
    return source


def change(source, dice, deletions=True):
    """Change the raw rows in every way that matters.

    Args:
        source: Source.
        dice: random.Random.
        deletions: also delete; runs by load time cannot see that.
    """

    def some():
        return dice.choice(sorted(source.users))

    source.wait()
    if deletions:
        source.delete_day(source.times[some()][0])
        source.delete_user(dice.choice(USERS))
        source.delete_payments(some())
        source.unlist_channel("Newsletter")
    else:
        source.list_channel("Newsletter")
    insert_sessions(source, dice, 80 - len(source.users) if deletions else 5)
    for session, payments in list(source.payments.items()):
        if payments and dice.random() < 0.1:
            refunded, amount = payments[0]
            source.change_payments(session, not refunded, amount)
    for _ in range(3):
        source.move(some(), moment(dice))
        source.edit(some(), dice.choice(USERS), dice.choice(CHANNELS))
        source.pay(some(), False, dice.randint(0, 300))


class Child:
    """dbt as a child process that can be watched.

    Args:
        warehouse: Warehouse.
        arguments: command and options.
        vars: project variables.
        extra_env: more environment variables.

    Attributes:
        process: subprocess.Popen.
        lines: what dbt printed so far.
        progress: of these the lines that say what begins and ends, as "START fct_sessions".
    """

    def __init__(self, warehouse, *arguments, vars, extra_env=None):
        self.lines = []
        self.progress = []
        self.process = subprocess.Popen(
            warehouse.dbt_command(*arguments, vars=vars),
            cwd=PROJECT_ROOT,
            env=warehouse.child_environment(extra_env),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.finish()

    def read(self, count=None):
        """Read until it has printed so many lines of progress, or to its end."""
        while count is None or len(self.progress) < count:
            line = self.process.stdout.readline()
            if not line:
                return
            self.lines.append(line)
            match = PROGRESS.search(line)
            if match:
                self.progress.append(f"{match[1]} {match[2].split()[-1].split('.')[1]}")

    def kill(self):
        """End it at once, as `kill -9` does, unless it has ended already."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def finish(self):
        """Wait for its end; returns its exit code."""
        if not self.process.stdout.closed:
            self.read()
            self.process.stdout.close()
        return self.process.wait()


def crash_rounds(warehouse, source, count, crash):
    """Do so many rounds.

    Args:
        warehouse: Warehouse without raw tables.
        source: Source.
        count: number of rounds.
        crash: function that ends a Child's run by force and returns its last line of progress.

    Returns:
        list of the last lines of progress of the runs that died.
    """
    dice = random.Random(count)
    create_raw(warehouse)
    write(source, warehouse)
    with Child(warehouse, "run", vars=VARIABLES) as undisturbed:
        undisturbed.read(1)
        start = time.monotonic()
        assert undisturbed.finish() == 0, "".join(undisturbed.lines)
        steps = len(undisturbed.progress)
        pace = (time.monotonic() - start) / steps
    assert_marts_equal(warehouse, expected_marts(source))

    # From the first line to the hook at the end: behind that there is nothing to leave undone.
    moments = [(number + dice.random()) / count * (steps - 1) for number in range(count)]
    dice.shuffle(moments)
    died = []
    for number, (step, kind) in enumerate(zip(moments, itertools.cycle(KINDS))):
        died.append(crash_round(warehouse, source, dice, kind, step, pace, crash))
        print(f"round {number}: {kind} run died after {died[-1]}")
    print(Counter(died))
    return died


def crash_round(warehouse, source, dice, kind, step, pace, crash):
    by_load_time = kind == "by load time"
    settings = {"vars": VARIABLES}
    options = []
    if by_load_time:
        # Another folder, because dbt parses the project anew whenever the variables change.
        folder = warehouse.environment["DBT_TARGET_PATH"] + "_by_load_time"
        settings = {"vars": LOAD_TIME_VARIABLES, "extra_env": {"DBT_TARGET_PATH": folder}}
        # Only after a run that finished is there a time to begin from.
        warehouse.dbt("run", **settings)
    if kind == "full refresh":
        options.append("--full-refresh")
    if kind == "first build":
        warehouse.execute(f"drop schema {warehouse.schema} cascade")
    if kind == "interval" or (kind == "first build" and dice.random() < 0.5):
        options += interval(dice)
    change(source, dice, deletions=not by_load_time)
    write(source, warehouse)

    with Child(warehouse, "run", *options, **settings) as child:
        child.read(1 + int(step))
        time.sleep(step % 1 * pace)
        died_after = crash(child)

    # Looking opens the DuckDB file, and thereby repairs it: dbt must be able to do that itself.
    listed = set()
    if dice.random() < 0.5:
        listed = unfinished_days(warehouse)
        if not listed:
            assert_nothing_left_behind(warehouse)

    rerun = warehouse.dbt("run", check=False, **settings)
    assert rerun.returncode == 0, f"{kind}, died after {died_after}:\n{rerun.stdout}"
    assert_marts_equal(warehouse, expected_marts(source))
    assert_finished(warehouse)
    finished = warehouse.query(f"select session_date from {warehouse.schema}.rebuild_days")
    assert listed <= {day for (day,) in finished}
    return died_after


def assert_nothing_left_behind(warehouse):
    """Where no day is left to finish, the marts agree with fct_sessions. Not compared: what depends
    on the list of channels, and the ranks, which every run compares by itself."""
    if not table_exists(warehouse, "fct_sessions"):
        return
    marts = read_marts(warehouse)
    expected = oracle.marts_of_sessions(read_sessions(warehouse), [])
    for mart in ("user_first_last_touch", "user_revenue"):
        assert set(marts[mart]) == expected[mart], f"{mart} is behind, and no day is listed"
    seen = {row for row in marts["monthly_channel_conversion"] if row[2]}
    assert seen == {row for row in expected["monthly_channel_conversion"] if row[2]}


def test_run_after_kill_equals_a_full_build(warehouse):
    """Guards against: a run that dies half-way and leaves marts that the next run takes for
    finished. dbt is killed (kill -9) at moments spread over the whole run."""

    def kill(child):
        child.kill()
        assert child.finish() == -signal.SIGKILL, "it ended before it could be killed"
        return child.progress[-1]

    source = new_source(random.Random(1))
    died = crash_rounds(warehouse, source, size(5, 50), kill)
    in_models = [phase for phase in died if "on-run-" not in phase]
    assert len(in_models) > len(died) / 2
    assert len(set(died)) > len(died) / 4


def test_run_after_server_crash_equals_a_full_build(tmp_path):
    """Guards against: a PostgreSQL server that goes down in mid-run and comes back with half of it.
    The server stops as in a crash, without a checkpoint, and recovers from its log."""
    # A server of its own, whichever other there is: it must go down.
    with PostgresServer() as server:

        def stop_server(child):
            last = child.progress[-1]
            server.stop("immediate")
            codes.append(child.finish())
            server.start()
            return last

        codes = []
        source = new_source(random.Random(2))
        warehouse = Warehouse("postgres", tmp_path, server.environment)
        died = crash_rounds(warehouse, source, size(2, 10), stop_server)
    # Only a stop at the very end may pass unnoticed.
    assert codes.count(0) <= len(codes) / 2, list(zip(codes, died))


@pytest.fixture
def built(warehouse):
    """A warehouse with marts, and the source of its raw rows."""
    source = new_source(random.Random(3))
    create_raw(warehouse)
    write(source, warehouse)
    warehouse.dbt("run", vars=VARIABLES)
    change(source, random.Random(4))
    write(source, warehouse)
    return warehouse, source


def statuses(result_of, warehouse):
    """Status of each node in the latest run's results, by its name."""
    path = warehouse.environment["DBT_TARGET_PATH"] + "/run_results.json"
    with open(path, encoding="utf-8") as file:
        results = json.load(file)["results"]
    assert results, result_of.stdout
    return {result["unique_id"].split(".")[2]: result["status"] for result in results}


def test_run_after_failed_model_and_retry_equals_a_full_build(built, tmp_path):
    """Guards against: days marked finished although one mart failed; and a `dbt retry`, which runs
    only what failed, that marks days finished which it did not rebuild."""
    warehouse, source = built
    # Somebody breaks the model of one mart, and takes that back.
    broken = copy_with_broken_user_revenue(tmp_path / "broken")
    failed = warehouse.dbt("run", "--project-dir", str(broken), vars=VARIABLES, check=False)
    assert failed.returncode == 1
    outcome = statuses(failed, warehouse)
    assert [name for name, status in outcome.items() if status == "error"] == ["user_revenue"]
    assert outcome["top_revenue_users"] == "skipped"
    left = unfinished_days(warehouse)
    assert left
    assert read_marts(warehouse)["user_revenue"] != sorted(expected_marts(source)["user_revenue"])

    retried = warehouse.dbt("retry", vars=VARIABLES)
    outcome = statuses(retried, warehouse)
    assert outcome["user_revenue"] == outcome["top_revenue_users"] == "success"
    assert "fct_sessions" not in outcome
    assert_marts_equal(warehouse, expected_marts(source))
    assert unfinished_days(warehouse) == left

    warehouse.dbt("run", vars=VARIABLES)
    assert_marts_equal(warehouse, expected_marts(source))
    assert_finished(warehouse)


def test_build_after_failed_test_equals_a_full_build(built):
    """Guards against: a failed check of the raw data that leaves something undone once the data was
    repaired; and fct_sessions rewritten, its test failed, the marts behind it skipped, and the
    users and months that it touched forgotten."""
    warehouse, source = built
    before = read_marts(warehouse)
    # Half of the users are missing: days_have_few_rejected_rows fails.
    users = dict(source.users)
    for session in sorted(users)[::2]:
        source.lose_user(session)
    write(source, warehouse)
    outcome = failed_build(warehouse)
    assert outcome["days_have_few_rejected_rows"] == "fail"
    assert outcome["fct_sessions"] == "skipped"
    assert read_marts(warehouse) == before

    # A loader empties the raw tables, and dbt runs before it fills them again.
    RawTables(channel=source.rows(loaded=True)["channel"]).write(warehouse)
    outcome = failed_build(warehouse)
    assert outcome["fct_sessions"] == "success"
    assert outcome["fct_sessions_is_sound"] == "fail"
    assert outcome["user_revenue"] == "skipped"
    assert read_marts(warehouse)["fct_sessions"] == []
    assert read_marts(warehouse)["user_revenue"] == before["user_revenue"]
    assert unfinished_days(warehouse)

    # All is well again, and meanwhile some users have left.
    source.users = users
    for user in list(USERS)[:5]:
        source.delete_user(user)
    write(source, warehouse)
    warehouse.dbt("build", vars=VARIABLES | ANY_GAP)
    assert_marts_equal(warehouse, expected_marts(source))
    assert_finished(warehouse)


def failed_build(warehouse):
    """Status of each node in a build that fails."""
    # Unit tests are left out: they read no rows of this warehouse and take longest.
    options = ["--exclude-resource-type", "unit_test"]
    failed = warehouse.dbt("build", *options, vars=VARIABLES | ANY_GAP, check=False)
    assert failed.returncode == 1
    return statuses(failed, warehouse)
