"""The target spark on a real cluster: a master, two workers and the thrift server, which all think
that they are in Tokyo, and with ANSI mode off: what the project needs it has to say itself.
"""

import re
import signal
import subprocess
import time
from datetime import date, datetime

import pytest
from project_copy import copy_project, copy_with_broken_user_revenue, replace
from raw import RawTables, assert_marts_equal, create_raw_tables, read_marts
from replay import assert_finished, unfinished_days
from spark_warehouse import SparkWarehouse
from tiers import size
from warehouse import PROJECT_ROOT, Warehouse

VARIABLES = {"demo_data": False, "max_empty_days": 1000}


@pytest.fixture(scope="module")
def shop(cluster, tmp_path_factory):
    """A SparkWarehouse with raw tables of three months, built once; its rows are in `shop.raw`.

    Each test changes the rows and leaves marts that are right.
    """
    warehouse = SparkWarehouse(tmp_path_factory.mktemp("shop"), cluster)
    raw = RawTables(channel=[("Google",), ("Naver",)])
    raw.add_session("a1", 1, "Google", datetime(2019, 7, 1), (False, 10))
    raw.add_session("a2", 1, "Naver", datetime(2019, 7, 31, 23, 59, 59, 999999))
    raw.add_session("b1", 2, "google", datetime(2019, 7, 2, 9), (None, 20), (True, 20))
    raw.add_session("b2", 2, "Naver", datetime(2019, 8, 1), (False, 5))
    raw.add_session("c1", 3, "TikTok", datetime(2019, 9, 30, 22), (False, 7))
    create_raw_tables(warehouse)
    raw.write(warehouse)
    warehouse.raw = raw
    run(warehouse)
    assert_marts_equal(warehouse, raw.marts())
    yield warehouse
    warehouse.drop()


def run(warehouse, *options, **kwargs):
    return warehouse.dbt("run", *options, vars=VARIABLES, **kwargs)


def start(warehouse, *options):
    """Start dbt run in a process of its own; returns it, with its output as text lines."""
    return subprocess.Popen(
        warehouse.dbt_command("run", *options, vars=VARIABLES),
        cwd=PROJECT_ROOT,
        env=warehouse.child_environment({"PYTHONUNBUFFERED": "1"}),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def read_until(process, text):
    """Read a process's output up to a line with a text."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return
    pytest.fail(f"dbt ended before it said {text}:\n{''.join(lines)}")


def remove_one_lock(warehouse):
    said = warehouse.dbt("run-operation", "remove_run_lock", vars=VARIABLES).stdout
    assert "is removed" in said


def partitions(warehouse, table):
    """Days or months of which a table has files."""
    rows = warehouse.query(f"show partitions {warehouse.schema}.{table}")
    return sorted(value.partition("=")[2] for (value,) in rows)


def test_demo_equals_duckdb(cluster, warehouse, tmp_path):
    """Guards against: a mart that is another one on Spark, by a row or a cent; days and months of
    the cluster's time zone; a cluster of which one executor does all."""
    before = {executor["id"]: executor["completedTasks"] for executor in cluster.executors()}
    warehouse.dbt("build")
    folder = tmp_path / "duckdb"
    folder.mkdir()
    embedded = Warehouse("duckdb", folder)
    embedded.dbt("build", "--exclude", "test_type:unit", "test_type:data")
    assert_marts_equal(warehouse, read_marts(embedded))
    assert len(read_marts(warehouse)["fct_sessions"]) == 3000
    tasks = {
        executor["id"]: executor["completedTasks"] - before.get(executor["id"], 0)
        for executor in cluster.executors()
    }
    assert len(tasks) == 2 and min(tasks.values()) > 20, tasks


def test_emptied_days_and_months_are_gone(shop):
    """Guards against: a day or month that keeps its rows when raw has none of it any more, because
    an overwrite without rows changes nothing; late rows and refunds that are not noticed."""
    raw = shop.raw
    for table, rows in raw.rows.items():
        raw.rows[table] = [row for row in rows if "c1" not in row and "b1" not in row]
    raw.add_session("d1", 1, "Google", datetime(2019, 7, 31, 3), (True, 9))
    raw.write(shop)
    run(shop)
    assert_marts_equal(shop, raw.marts())
    assert_finished(shop)
    assert partitions(shop, "fct_sessions") == ["2019-07-01", "2019-07-31", "2019-08-01"]
    assert partitions(shop, "monthly_channel_conversion") == ["2019-07-01", "2019-08-01"]
    listed = shop.query(f"select session_date, reason from {shop.schema}.rebuild_days")
    assert dict(listed) == dict.fromkeys(
        [date(2019, 7, 2), date(2019, 7, 31), date(2019, 9, 30)], "changed"
    )


def test_bad_cast_is_an_error(shop, tmp_path, monkeypatch):
    """Guards against: a cast that gives null and no error, as dbt-spark and this cluster have it;
    and against a table that is touched by a model that fails."""
    project = copy_with_broken_user_revenue(tmp_path)
    before = read_marts(shop)
    with monkeypatch.context() as patch:
        patch.setattr("warehouse.PROJECT_ROOT", project)
        failed = run(shop, "--select", "user_revenue", "--full-refresh", check=False)
    assert failed.returncode == 1
    assert "CAST_INVALID_INPUT" in failed.stdout
    assert read_marts(shop) == before


def test_missing_value_is_an_error(shop, tmp_path, monkeypatch):
    """Guards against: null in a column that the contract requires, which Spark would take; and
    against a table that is refused and taken by the next run all the same."""
    project = copy_project(tmp_path)
    replace(
        project / "models/marts/user_revenue.sql", "sum(net_revenue)", "nullif(sum(net_revenue), 10)"
    )
    assert (1, 10) in shop.query(
        f"select user_id, cast(net_revenue as int) from {shop.schema}.user_revenue"
    )
    before = read_marts(shop)
    with monkeypatch.context() as patch:
        patch.setattr("warehouse.PROJECT_ROOT", project)
        failed = run(shop, "--select", "user_revenue", "--full-refresh", check=False)
    assert failed.returncode == 1
    assert "requires net_revenue, and 1 of the new rows have none" in " ".join(failed.stdout.split())
    assert read_marts(shop) == before


@pytest.mark.parametrize(
    "moment", size(["model {}.user_revenue"], ["model {}.fct_sessions", "model {}.user_revenue",
        "model {}.monthly_channel_conversion", "model {}.top_revenue_users", "on-run-end.1"])
)
def test_killed_run_is_mended(shop, moment):
    """Guards against: a second run that spoils what the first one writes; a lock that says nothing
    about what to do; users, months or days that are forgotten when a run dies, also between the
    drop of a table and the new one's taking its name."""
    raw = shop.raw
    raw.add_session(f"e{len(raw.rows['channel'])}{moment}"[:30], 4, "Naver",
        datetime(2019, 8, 2), (False, len(moment)))
    raw.write(shop)
    process = start(shop)
    try:
        read_until(process, moment.format(shop.schema))
        process.send_signal(signal.SIGSTOP)
        refused = run(shop, check=False)
    finally:
        process.kill()
        process.wait()
    assert refused.returncode != 0
    assert "Another run has schema" in refused.stdout
    refused = run(shop, check=False)
    assert "remove_run_lock" in refused.stdout
    # The server notices that nobody listens any more, and ends what still runs.
    time.sleep(3)
    shop.execute(
        f"alter table {shop.schema}.rebuild_days"
        f" rename to {shop.schema}.rebuild_days__next_0123456789ab_1"
    )
    remove_one_lock(shop)
    assert "Mended" in run(shop).stdout
    assert_marts_equal(shop, raw.marts())
    assert_finished(shop)
    assert not [name for name in shop.tables(shop.schema) if re.search("__(next|new)_", name)]


def test_lost_worker(cluster, shop):
    """Guards against: a run that ends with wrong marts when a machine is lost in the middle."""
    process = start(shop, "--full-refresh")
    try:
        read_until(process, f"model {shop.schema}.fct_sessions")
        time.sleep(1)
        cluster.kill_worker(1)
        said, _ = process.communicate()
    finally:
        process.kill()
        cluster.start_worker(1)
    if process.returncode != 0:
        assert "ERROR" in said
        run(shop)
    assert_marts_equal(shop, shop.raw.marts())
    assert unfinished_days(shop) == set()


def test_more_threads_are_refused(shop):
    """Guards against: models that write the ledger's one partition of a run at once."""
    refused = run(shop, "--threads", "2", check=False)
    assert refused.returncode != 0
    assert "threads: 1" in refused.stdout


def test_publish_is_refused(shop):
    """Guards against: readers who see half of what is published."""
    refused = shop.dbt(
        "run-operation", "publish", "--args", "{schema: reporting}", vars=VARIABLES, check=False
    )
    assert refused.returncode != 0
    assert "Spark has no transactions" in refused.stdout
