"""The daily DAG end to end, on both engines, without a scheduler."""

import os
import subprocess
from datetime import timedelta

import pytest
import start
from raw import assert_marts_equal, read_marts
from shop import Shop, settings


def run_dag(airflow, dag, day, environment):
    """`airflow dags test`: run a DAG once in one process, for the interval that begins on a day.

    Args:
        airflow: start.Airflow with a metadata database.
        dag: its name.
        day: the first day of the interval; dags test is told the end, which must not be after the
            DAG's end date.
        environment: more variables.
    """
    return subprocess.run(
        [start.HERE / ".venv/bin/airflow", "dags", "test", dag, (day + timedelta(1)).isoformat()],
        env=airflow.environment | environment,
        cwd=airflow.home,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_the_same_day_twice_changes_nothing_the_second_time(warehouse, metadata_database, tmp_path):
    """Guards against: a chain that does not fit together, and a rerun that does."""
    shop = Shop(2)
    environment = settings(warehouse, shop.deliver(tmp_path / "files"), shop.days)
    days = shop.days[:1]
    marts = []
    for _ in range(2):
        result = run_dag(metadata_database, "elt_summary_daily", days[0], environment)
        assert result.returncode == 0 and "state=failed" not in result.stdout, result.stdout
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
    import json
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    from warehouse import Warehouse

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
        result = run_dag(metadata_database, "elt_summary_daily", day, environment)
    finally:
        server.shutdown()
        server.server_close()
    assert "lacks channel.csv" in result.stdout, result.stdout
    (message,) = messages
    assert message["text"].startswith(
        "elt_summary_daily: task load failed after try 1, for 2019-07-02 00:00 to 2019-07-03 00:00"
    )
    assert "docs/on-call.md" in message["text"]


@pytest.fixture(autouse=True)
def with_manifest(manifest):
    """All DAG files are read, the one by model, too."""
