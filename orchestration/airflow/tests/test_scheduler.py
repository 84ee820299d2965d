"""With a running scheduler: catchup, backfill, a task that is killed. The long tier, `make prove`,
has more days and both engines; prints what an interval took."""

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
import start
from raw import assert_marts_equal
from shop import Shop, assert_equal_to_a_full_build
from tiers import size

DAG = "elt_summary_daily"

# Backfills, one after the other: of which days, and who is killed meanwhile. With the task, as when
# a machine runs out of memory.
DBT, DBT_AND_TASK = 1, 2
BACKFILLS = size(
    [([0], DBT_AND_TASK)],
    [([1, 2], None), ([3], DBT), ([4], DBT_AND_TASK)],
)


@pytest.mark.parametrize("engine", size(["duckdb"], ["duckdb", "postgres"]))
def test_catchup_backfill_and_a_killed_task(airflow, warehouse, tmp_path):
    """Guards against: days left out or run twice; a backfill that touches other days, or leaves the
    marts not equal to a full build; a killed task that is not tried again, or ends wrong."""
    shop = Shop(size(2, 6))
    running, client = airflow(shop)
    each_once = [(day.isoformat(), "success") for day in shop.days]

    assert listening(running) == {start.HOST}
    assert client.call("GET", "/pools/elt_summary")["slots"] == 1

    client.pause(DAG, False)
    client.wait_until_done(DAG, len(each_once))
    # Time for the scheduler to make one run too many.
    time.sleep(size(5, 15))
    assert client.days(DAG) == each_once
    assert_marts_equal(warehouse, shop.raw().marts())
    client.report(warehouse.engine, DAG)

    done = []
    for numbers, killed in BACKFILLS:
        days = [shop.days[number] for number in numbers]
        for day in days:
            shop.flip_refunds(day)
        shop.deliver(tmp_path / "files")
        forget_hashes(warehouse)
        backfill(running, days[0], days[-1])
        if killed:
            kill_build(warehouse, client, days[0], killed)
        done += [day.isoformat() for day in days]
        client.wait(lambda: backfilled(client) == done)  # noqa: B023
        client.wait_until_done(DAG, len(each_once))
        assert client.days(DAG) == each_once
        tries = [
            (task["task_id"], task["try_number"])
            for run in client.runs(DAG)
            if run["data_interval_start"][:10] in [day.isoformat() for day in days]
            for task in client.tasks(DAG, run["dag_run_id"])
            if task["task_id"] in ("load", "build")
        ]
        before_build, at_build = (
            sum(number for task, number in tries if task == name) for name in ("load", "build")
        )
        assert at_build - before_build == bool(killed), tries
        assert rebuilt_days(warehouse) == days
        assert_equal_to_a_full_build(warehouse, shop)


def listening(airflow):
    """Addresses on which Airflow's components, and what they have started, listen."""
    addresses = set()
    for component in airflow.processes.values():
        process = psutil.Process(component.pid)
        for each in [process, *process.children(recursive=True)]:
            # Those that read DAG files live a second.
            with contextlib.suppress(psutil.NoSuchProcess):
                addresses |= {
                    connection.laddr.ip
                    for connection in each.net_connections("inet")
                    if connection.status == psutil.CONN_LISTEN
                }
    return addresses


def forget_hashes(warehouse):
    """Mark every row of fct_sessions; rows that a run rebuilds lose the mark."""
    warehouse.execute(f"update {warehouse.schema}.fct_sessions set row_hash = 0")


def rebuilt_days(warehouse):
    """The days of which a row was rebuilt since forget_hashes()."""
    rows = warehouse.query(
        f"select distinct session_date from {warehouse.schema}.fct_sessions where row_hash != 0"
    )
    return sorted(day for (day,) in rows)


def backfill(airflow, first, last):
    """airflow backfill create for some days, two at once but for the pool."""
    airflow.airflow(
        "backfill", "create", "--dag-id", DAG, "--from-date", first.isoformat(),
        "--to-date", last.isoformat(), "--reprocess-behavior", "completed",
        "--max-active-runs", "2",
    )  # fmt: skip


def backfilled(client):
    """The days of which the last run came of a backfill."""
    runs = client.runs(DAG)
    return [run["data_interval_start"][:10] for run in runs if run["run_type"] == "backfill"]


def kill_build(warehouse, client, day, killed):
    """kill -9 in the middle of a build.

    Args:
        warehouse: Warehouse that is built.
        client: Client.
        day: which one is built.
        killed: DBT or DBT_AND_TASK.
    """
    (process, *_) = client.wait(lambda: processes_of(warehouse, "build"))
    victims = [process, parent(process)][:killed]
    # In the middle: it has opened the ledger.
    client.wait(lambda: has_begun(warehouse, day))
    for victim in victims:
        os.kill(victim, signal.SIGKILL)


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
