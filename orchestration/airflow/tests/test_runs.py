"""The DAGs end to end, without a scheduler."""

import json
import os
import subprocess
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import start
from raw import assert_marts_equal, create_raw_tables, read_marts
from shop import Shop, settings, write_files
from tiers import size
from warehouse import Warehouse

SHORT_ON_DUCKDB = size(["duckdb"], ["duckdb", "postgres"])


def run_dag(airflow, dag, day, environment, conf=None):
    """`airflow dags test`: run a DAG once in one process.

    Args:
        airflow: start.Airflow with a metadata database.
        dag: its name.
        day: the end of its interval, which must not be after the DAG's end date.
        environment: more variables.
        conf: dict of the DAG's params.

    Returns:
        Whether the run succeeded, and what was said.
    """
    file = start.HERE / f"dags/{dag}.py"
    command = [start.HERE / ".venv/bin/airflow", "dags", "test", dag, day.isoformat()]
    result = subprocess.run(
        [*command, "--dagfile-path", file, *(["--conf", json.dumps(conf)] if conf else [])],
        env=airflow.environment | environment,
        cwd=airflow.home,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return result.returncode == 0 and "state=failed" not in result.stdout, result.stdout


def test_the_same_day_twice_changes_nothing_the_second_time(warehouse, metadata_database, tmp_path):
    """Guards against: a chain that does not fit together, and a rerun that does."""
    shop = Shop(2)
    environment = settings(warehouse, shop.deliver(tmp_path / "files"), shop.days)
    days = shop.days[:1]
    marts = []
    for _ in range(2):
        succeeded, said = run_dag(
            metadata_database, "elt_summary_daily", days[0] + timedelta(1), environment
        )
        assert succeeded, said
        assert_marts_equal(warehouse, shop.raw(days).marts())
        marts.append((read_marts(warehouse), loaded(warehouse)))
    assert marts[0] == marts[1]
    rows = warehouse.query(
        f"select session_date, reason, is_finished from {warehouse.schema}.rebuild_days"
    )
    assert rows == [(days[0], "interval", True)]
    ledger = f"{warehouse.schema}.run_ledger"
    outcomes = warehouse.query(f"select outcome from {ledger} where model = 'fct_sessions'")
    assert outcomes == [("success",)] * 2


def loaded(warehouse):
    """Which files were loaded, and when."""
    return warehouse.query(
        f"select name, checksum, loaded_at from {warehouse.raw_schema}.loaded_files order by name"
    )


def test_a_task_that_fails_for_good_says_so_to_the_address(metadata_database, tmp_path):
    """Guards against: a failed night that nobody hears of, and a message that does not help."""
    messages = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shop = Shop(3)
    source = shop.deliver(tmp_path / "files")
    day = shop.days[1]
    os.remove(tmp_path / "files" / day.isoformat() / "channel.csv")
    environment = settings(Warehouse("duckdb", tmp_path), source, shop.days) | {
        "ELT_SUMMARY_ALERT_URL": f"http://127.0.0.1:{server.server_address[1]}/hook",
        "ELT_SUMMARY_RETRIES": "0",
    }
    try:
        succeeded, said = run_dag(
            metadata_database, "elt_summary_daily", day + timedelta(1), environment
        )
    finally:
        server.shutdown()
        server.server_close()
    assert not succeeded and "lacks channel.csv" in said, said
    (message,) = messages
    assert message["text"].startswith(
        "elt_summary_daily: task load failed after try 1, for 2019-07-02 00:00 to 2019-07-03 00:00"
    )
    assert "docs/on-call.md" in message["text"]


@pytest.mark.parametrize("engine", SHORT_ON_DUCKDB)
def test_the_weekly_run_mends_days_that_nobody_named(warehouse, metadata_database, tmp_path):
    """Guards against: a refund that flips in a day past and stays in the marts for ever."""
    shop = Shop(8)
    create_raw_tables(warehouse)
    shop.raw().write(warehouse)
    warehouse.dbt("run", vars={"demo_data": False})
    shop.flip_refunds(shop.days[2])
    shop.raw().write(warehouse)
    environment = settings(warehouse, "", shop.days)
    monday = shop.days[7]
    succeeded, said = run_dag(metadata_database, "elt_summary_weekly", monday, environment)
    assert succeeded, said
    # The last of the three tasks.
    assert "reference_monthly_channel_conversion: 0 differences" in said, said
    assert warehouse.query(
        f"select session_date, reason from {warehouse.schema}.rebuild_days"
    ) == [(shop.days[2], "changed")]
    assert_marts_equal(warehouse, shop.raw().marts())


@pytest.mark.parametrize("engine", SHORT_ON_DUCKDB)
def test_files_that_somebody_names_are_loaded_once(warehouse, metadata_database, tmp_path):
    """Guards against: a source with blanks or quotes that a shell takes apart, files loaded twice,
    and a source that is not there and passes for loaded."""
    shop = Shop(1)
    folder = tmp_path / "Anna's files; $(date)"
    write_files(folder, shop.raw().rows)
    environment = settings(warehouse, "", shop.days) | {"ELT_SUMMARY_RETRIES": "0"}

    def run(source):
        return run_dag(
            metadata_database, "elt_summary_load", shop.days[0], environment, {"source": source}
        )

    succeeded, said = run(str(folder))
    assert succeeded, said
    before = loaded(warehouse)
    assert len(before) == 4
    sessions = f"select count(*) from {warehouse.raw_schema}.session_timestamp"
    assert warehouse.query(sessions) == [(4,)]
    succeeded, said = run(str(folder))
    assert succeeded and "Nothing to load" in said, said
    succeeded, said = run(str(tmp_path / "none"))
    assert not succeeded and "there is no folder" in said, said
    assert loaded(warehouse) == before
