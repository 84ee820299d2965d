"""With a running scheduler, on both engines: catchup, backfill, a task that is killed, the DAG by
model. Minutes each, so only in the long tier; prints what each interval took."""

import os
import signal
import socket
import statistics
import time
from pathlib import Path

import pytest
import start
from client import Client
from raw import assert_marts_equal, read_marts
from shop import Shop, settings
from tiers import LONG

pytestmark = pytest.mark.skipif(not LONG, reason="long tier: make prove")

DAILY, BY_MODEL = "elt_summary_daily", "elt_summary_by_model"


def free_port():
    with socket.socket() as probe:
        probe.bind((start.HOST, 0))
        return probe.getsockname()[1]


def assert_everything_is_finished(warehouse):
    schema = warehouse.schema
    assert warehouse.query(f"select 1 from {schema}.rebuild_days where not is_finished") == []
    assert warehouse.query(f"select 1 from {schema}.rebuild_scope") == []


def assert_equal_to_a_full_build(warehouse, shop):
    """The marts are what the oracle says, and what dbt makes of raw in an empty schema."""
    assert_marts_equal(warehouse, shop.raw().marts())
    full = f"{warehouse.schema}_full"
    warehouse.dbt(
        "run", vars={"demo_data": False}, extra_env={"DBT_SCHEMA": full}
    )
    assert_marts_equal(warehouse, read_marts(warehouse, full))


def forget_hashes(warehouse):
    """Mark every row of fct_sessions; rows that a run rebuilds lose the mark."""
    warehouse.execute(f"update {warehouse.schema}.fct_sessions set row_hash = 0")


def rebuilt_days(warehouse):
    """The days of which a row was rebuilt since forget_hashes()."""
    rows = warehouse.query(
        f"select distinct session_date from {warehouse.schema}.fct_sessions where row_hash != 0"
    )
    return sorted(day for (day,) in rows)


def backfill(airflow, dag, first, last):
    """airflow backfill create for some days."""
    airflow.airflow(
        "backfill", "create", "--dag-id", dag, "--from-date", first.isoformat(),
        "--to-date", last.isoformat(), "--reprocess-behavior", "completed",
        "--max-active-runs", "1",
    )  # fmt: skip


def seconds(client, dag):
    """Seconds of each run, those of its tasks added up, and the number of its tasks."""
    found = []
    for run in client.runs(dag):
        tasks = client.tasks(dag, run["dag_run_id"])
        found.append((run["duration"], sum(task["duration"] or 0 for task in tasks), len(tasks)))
    return found


def report(what, warehouse, durations):
    whole, busy, tasks = zip(*durations, strict=True)
    print(
        f"\n{what} on {warehouse.engine}, {tasks[0]} tasks per interval: median"
        f" {statistics.median(whole):.0f} s, of which in tasks {statistics.median(busy):.0f} s"
    )


def processes_of(warehouse, word):
    """Ids of dbt processes that build this warehouse and have a word in their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            environ = (folder / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if (
            f"DBT_SCHEMA={warehouse.schema}" in environ
            and word in command
            and any(part.endswith("bin/dbt") for part in command[:2])
        ):
            found.append(int(folder.name))
    return found


def parent(process):
    """Id of a process's parent."""
    status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    return int(status.rsplit(")", 1)[1].split()[1])


@pytest.fixture
def airflow(tmp_path, warehouse, manifest):
    """Function that starts Airflow for days of a shop; ended after the test."""
    started = []

    def begin(shop, days):
        source = shop.deliver(tmp_path / "files")
        path = {"PATH": os.pathsep.join([str(start.HERE / ".venv/bin"), os.environ["PATH"]])}
        airflow = start.Airflow(
            tmp_path / "home", free_port(), settings(warehouse, source, days) | path
        )
        started.append(airflow)
        airflow.__enter__()
        return airflow, Client(airflow)

    yield begin
    for each in started:
        each.stop()


def test_catchup_backfill_and_a_killed_task(airflow, warehouse, tmp_path):
    """Guards against: days left out or run twice; a backfill that touches other days, or leaves the
    marts not equal to a full build; a killed task that is not tried again, or ends wrong."""
    shop = Shop(6)
    running, client = airflow(shop, shop.days)
    names = [day.isoformat() for day in shop.days]

    client.pause(DAILY, False)
    client.wait_until_done(DAILY, len(names))
    # Time for the scheduler to make one run too many.
    time.sleep(15)
    assert client.days(DAILY) == [(name, "success") for name in names]
    assert_equal_to_a_full_build(warehouse, shop)
    assert_everything_is_finished(warehouse)
    report("daily DAG", warehouse, seconds(client, DAILY))

    forget_hashes(warehouse)
    for day in shop.days[1:3]:
        shop.flip_refunds(day)
    shop.deliver(tmp_path / "files")
    backfill(running, DAILY, shop.days[1], shop.days[2])
    client.wait(lambda: backfilled(client, DAILY) == names[1:3])
    client.wait_until_done(DAILY, len(names))
    assert client.days(DAILY) == [(name, "success") for name in names]
    assert rebuilt_days(warehouse) == shop.days[1:3]
    assert_equal_to_a_full_build(warehouse, shop)

    # First dbt alone dies, then the task with it, as when a machine runs out of memory.
    for number, with_task in [(3, False), (4, True)]:
        shop.flip_refunds(shop.days[number])
        shop.deliver(tmp_path / "files")
        backfill(running, DAILY, shop.days[number], shop.days[number])
        (process, *_) = client.wait(lambda: processes_of(warehouse, "build"))
        # In the middle: it has opened the ledger.
        victims = [process] + ([parent(process)] if with_task else [])
        client.wait(lambda: has_begun(warehouse, names[number]))
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        client.wait(lambda number=number: backfilled(client, DAILY) == names[1 : number + 1])
        client.wait_until_done(DAILY, len(names))
        assert client.days(DAILY) == [(name, "success") for name in names]
        (run,) = [
            run for run in client.runs(DAILY)
            if run["data_interval_start"].startswith(names[number])
        ]  # fmt: skip
        tries = {
            task["task_id"]: task["try_number"]
            for task in client.tasks(DAILY, run["dag_run_id"])
        }
        assert tries["build"] == tries["load"] + 1, tries
        assert_equal_to_a_full_build(warehouse, shop)
        assert_everything_is_finished(warehouse)


def has_begun(warehouse, day):
    """Whether dbt is about to build a day: on PostgreSQL the ledger says so. On DuckDB nobody else
    can look, and dbt has the file open for long enough."""
    if warehouse.engine == "duckdb":
        time.sleep(3)
        return True
    return warehouse.query(
        f"select 1 from {warehouse.schema}.run_ledger where outcome != 'success'"
        f" and reason like 'interval {day}%'"
    )


def backfilled(client, dag):
    """The days of which the last run came of a backfill."""
    return [
        run["data_interval_start"][:10]
        for run in client.runs(dag)
        if run["run_type"] == "backfill"
    ]


def test_the_dag_by_model_ends_as_a_full_build_and_finishes_the_days(airflow, warehouse):
    """Guards against: days that are never finished, because no run of dbt rebuilds every model."""
    shop = Shop(2)
    _, client = airflow(shop, shop.days)
    client.pause(BY_MODEL, False)
    client.wait_until_done(BY_MODEL, len(shop.days))
    assert client.days(BY_MODEL) == [(day.isoformat(), "success") for day in shop.days]
    assert_equal_to_a_full_build(warehouse, shop)
    assert_everything_is_finished(warehouse)
    emitted = client.call("GET", "/assets", params={"limit": 100})["assets"]
    names = {asset["uri"].rsplit("/", 1)[-1].rsplit(".", 1)[-1] for asset in emitted}
    assert {"fct_sessions", "user_first_last_touch", "monthly_channel_conversion"} <= names
    report("DAG by model", warehouse, seconds(client, BY_MODEL))
