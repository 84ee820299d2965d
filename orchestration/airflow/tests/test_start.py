"""What `make airflow` prepares and refuses, without starting it: that is in test_scheduler.py."""

import csv
import socket
import sqlite3
import stat
import subprocess
from collections import Counter

import make_deliveries
import pytest
import start
from airflow.configuration import conf


def test_the_pool_has_one_slot(metadata_database):
    """Guards against: two tasks at once in an embedded database, which belongs to one."""
    with sqlite3.connect(metadata_database.home / "airflow.db") as database:
        rows = database.execute("select slots from slot_pool where pool = 'elt_summary'").fetchall()
    assert rows == [(1,)]


def test_nothing_is_reported_to_anybody():
    """Guards against: telemetry; and a setting whose name Airflow or Cosmos does not know."""
    from cosmos import settings

    assert conf.getboolean("usage_data_collection", "enabled") is False
    assert settings.enable_telemetry is False
    environment = start.environment("home", 1)
    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"


def test_a_port_that_is_taken_is_named(tmp_path):
    """Guards against: minutes of waiting for another program's answers."""
    with socket.create_server((start.HOST, 0)) as server:
        airflow = start.Airflow(tmp_path, server.getsockname()[1])
        with pytest.raises(start.StartError, match="is taken; choose another one: --port"):
            airflow.start()
    assert airflow.processes == {}


def test_a_component_that_ends_is_quoted(tmp_path, monkeypatch):
    """Guards against: waiting for what is dead, and a message without its last words."""
    monkeypatch.setattr(start, "COMPONENTS", {"scheduler": ["no-such-command"]})
    with socket.create_server((start.HOST, 0)) as server:
        airflow = start.Airflow(tmp_path, server.getsockname()[1])
    with pytest.raises(start.StartError, match="(?s)the scheduler ended:.*no-such-command"):
        airflow.start()


def test_another_shell_gets_the_environment_and_other_people_do_not(tmp_path):
    """Guards against: commands that go to another Airflow, and a password that all can read."""
    airflow = start.Airflow(tmp_path, 1, {"ELT_SUMMARY_OWNER": "Anna's team"})
    path = airflow.write_environment()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    printed = subprocess.run(
        ["sh", "-c", f'. "{path}"; echo "$AIRFLOW_HOME $ELT_SUMMARY_OWNER"'],
        env={}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert printed.stdout == f"{tmp_path} Anna's team\n"


def test_the_demo_deliveries_are_the_demo_data(tmp_path):
    """Guards against: a first look at Airflow with rows missing, or with others the second time."""

    def contents():
        return {path: path.read_bytes() for path in tmp_path.rglob("*.csv")}

    days = make_deliveries.main(tmp_path)
    made = contents()
    assert len(made) == 4 * days
    assert make_deliveries.main(tmp_path) == days
    assert contents() == made
    for table in ("user_session_channel", "session_timestamp", "session_transaction"):
        header, rows = make_deliveries.read(table)
        assert rows
        delivered = Counter()
        for path in made:
            if path.name == f"{table}.csv":
                first, *others = csv.reader(path.open(encoding="utf-8", newline=""))
                assert first == header
                delivered.update(map(tuple, others))
        assert delivered == Counter(map(tuple, rows))
