"""Airflow in a throw-away AIRFLOW_HOME, before anything imports it; and the project's fixtures."""

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

HOME = Path(tempfile.mkdtemp(prefix="elt_summary_airflow_"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

import start  # noqa: E402
from tiers import LONG  # noqa: E402

# What the person who runs the tests has set for their own Airflow must not matter here.
for name in list(os.environ):
    if name.startswith(("ELT_SUMMARY_", "AIRFLOW")) and name != "ELT_SUMMARY_PROVE":
        del os.environ[name]
os.environ.update(start.environment(HOME, 1))
# Several processes test at once, each with a manifest of its own.
os.environ["ELT_SUMMARY_MANIFEST"] = str(HOME / "dbt/manifest.json")

import pytest  # noqa: E402
from client import Client  # noqa: E402
from shop import settings  # noqa: E402
from warehouse import DBT, PROJECT_ROOT  # noqa: E402

pytest_plugins = ["engine_fixtures"]
# Each of its tasks starts dbt: minutes per day.
collect_ignore = [] if LONG else ["test_by_model.py"]


@pytest.fixture(scope="session")
def manifest():
    """The manifest from which the DAG by model is made, of the project as it is now; its path."""
    path = Path(os.environ["ELT_SUMMARY_MANIFEST"])
    command = [DBT, "parse", "--quiet", "--target-path", path.parent]
    subprocess.run([*command, "--vars", "{demo_data: false}"], cwd=PROJECT_ROOT, check=True)
    return path


@pytest.fixture(scope="session")
def metadata_database(manifest):
    """AIRFLOW_HOME with a metadata database. All DAG files are read, the one by model, too."""
    airflow = start.Airflow(HOME, 1)
    airflow.prepare()
    return airflow


@pytest.fixture
def airflow(tmp_path, warehouse, manifest):
    """Function that starts Airflow for days of a shop; returns it and a Client. Ended after the
    test."""
    started = []

    def begin(shop):
        source = shop.deliver(tmp_path / "files")
        airflow = start.Airflow(
            tmp_path / "home", free_port(), settings(warehouse, source, shop.days)
        )
        started.append(airflow)
        airflow.__enter__()
        return airflow, Client(airflow)

    yield begin
    for each in started:
        each.stop()


def free_port():
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind((start.HOST, 0))
        return probe.getsockname()[1]
