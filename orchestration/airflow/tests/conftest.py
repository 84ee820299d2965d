"""Airflow in a throw-away AIRFLOW_HOME, before anything imports it; and the project's fixtures."""

import atexit
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HOME = Path(tempfile.mkdtemp(prefix="elt_summary_airflow_"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

import start  # noqa: E402

# What the person who runs the tests has set for their own Airflow must not matter here.
for name in list(os.environ):
    if name.startswith(("ELT_SUMMARY_", "AIRFLOW")) and name != "ELT_SUMMARY_PROVE":
        del os.environ[name]
os.environ.update(start.environment(HOME, 1))

import pytest  # noqa: E402
from warehouse import DBT, PROJECT_ROOT  # noqa: E402

pytest_plugins = ["engine_fixtures"]

MANIFEST = PROJECT_ROOT / "target/airflow/manifest.json"


@pytest.fixture(scope="session")
def manifest():
    """The manifest from which the DAG by model is made, of the project as it is now."""
    command = [DBT, "parse", "--quiet", "--target-path", "target/airflow"]
    subprocess.run([*command, "--vars", "{demo_data: false}"], cwd=PROJECT_ROOT, check=True)
    return MANIFEST


@pytest.fixture(scope="session")
def metadata_database():
    """AIRFLOW_HOME with a metadata database."""
    airflow = start.Airflow(HOME, 1)
    airflow.prepare()
    return airflow
