"""What the DAGs of elt_summary share: where things are, what every task is given, the tasks.

All that differs from one place to another comes from the environment; README.md lists it. A task is
one command line, which can be typed by hand.
"""

import json
import os
import shlex
from datetime import timedelta
from pathlib import Path

import httpx
import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Asset, BaseNotifier, CronDataIntervalTimetable

# A week of the deliveries that make_deliveries.py makes; on the day before nobody paid.
DEMO_START, DEMO_END = "2019-05-02", "2019-05-08"

PROJECT = Path(os.environ.get("ELT_SUMMARY_PROJECT") or Path(__file__).resolve().parents[3])
DBT = os.environ.get("ELT_SUMMARY_DBT") or str(PROJECT / ".venv/bin/dbt")
LOAD_PYTHON = os.environ.get("ELT_SUMMARY_LOAD_PYTHON") or str(
    PROJECT / "orchestration/load/.venv/bin/python"
)
MANIFEST = Path(
    os.environ.get("ELT_SUMMARY_MANIFEST") or PROJECT / "target/airflow/manifest.json"
)
PROFILES = Path(os.environ.get("DBT_PROFILES_DIR") or PROJECT) / "profiles.yml"
TARGET = os.environ.get("ELT_SUMMARY_TARGET") or "duckdb"
RAW_SCHEMA = os.environ.get("ELT_SUMMARY_RAW_SCHEMA") or "raw_data"
# Set but empty: another loader fills the raw tables, and the DAGs begin with dbt.
SOURCE = os.environ.get(
    "ELT_SUMMARY_SOURCE", str(PROJECT / "orchestration/airflow/home/deliveries/{day}")
)
POOL = os.environ.get("ELT_SUMMARY_POOL") or "elt_summary"
ALERT_URL = os.environ.get("ELT_SUMMARY_ALERT_URL")
VARIABLES = {"demo_data": False, "raw_schema": RAW_SCHEMA} | json.loads(
    os.environ.get("ELT_SUMMARY_VARS") or "{}"
)


def day_in_utc(text):
    """Midnight, UTC, of a day written as 2019-05-01; None for nothing."""
    return pendulum.from_format(text, "YYYY-MM-DD", tz="UTC") if text else None


START_DATE = day_in_utc(os.environ.get("ELT_SUMMARY_START_DATE") or DEMO_START)
# The last day that is run. Without any date given: the demo's.
END_DATE = day_in_utc(
    os.environ.get("ELT_SUMMARY_END_DATE")
    or (None if os.environ.get("ELT_SUMMARY_START_DATE") else DEMO_END)
)

# The run's data interval, as dbt takes it: UTC, without offset.
INTERVAL_START = '{{ data_interval_start.in_timezone("UTC").strftime("%Y-%m-%dT%H:%M:%S") }}'
INTERVAL_END = '{{ data_interval_end.in_timezone("UTC").strftime("%Y-%m-%dT%H:%M:%S") }}'
INTERVAL = ["--event-time-start", INTERVAL_START, "--event-time-end", INTERVAL_END]
DAY = '{{ data_interval_start.in_timezone("UTC").strftime("%Y-%m-%d") }}'

# The marts with their tests. The demo seeds and the unit tests have nothing to do with a day's data.
BUILD = [
    "build", "--exclude", "path:tests/audit",
    "--exclude-resource-type", "seed", "--exclude-resource-type", "unit_test",
]  # fmt: skip
AUDIT = ["build", "--select", "path:tests/audit", "--resource-type", "test"]

# What is there for others to wait for when a day's marts are built and audited.
MARTS = Asset(name="elt_summary_marts", uri="elt-summary://marts")

# Whatever the tasks inherit: nothing is reported to anybody, and logs have no colours.
ENVIRONMENT = {
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DBT_USE_COLORS": "false",
    # dbt runs in the project; Cosmos runs it in a copy of it.
    "DBT_DUCKDB_PATH": str(PROJECT / os.environ.get("DBT_DUCKDB_PATH", "warehouse.duckdb")),
}


class FailureNotifier(BaseNotifier):
    """Says that a task failed for good: in the log, and at a web address if one is given.

    Args:
        url: where {"text": ...} is posted as JSON, as Slack, Mattermost or Teams take it; None:
            nowhere.
    """

    template_fields = ()

    def __init__(self, url=ALERT_URL):
        super().__init__()
        self.url = url

    def notify(self, context):
        """Say it.

        Args:
            context: Airflow's, of the task.

        Raises:
            httpx.HTTPError: the address did not take it.
        """
        text = self.text(context)
        self.log.error(text)
        if self.url:
            httpx.post(self.url, json={"text": text}, timeout=30).raise_for_status()

    @staticmethod
    def text(context):
        """What is said: which task, of which days, why, where its log is, what to do."""
        task = context["task_instance"]
        days = ""
        if context.get("data_interval_start"):
            start, end = context["data_interval_start"], context["data_interval_end"]
            days = f", for {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
        reason = context.get("exception")
        return (
            f"{task.dag_id}: task {task.task_id} failed after try {task.try_number}{days}."
            + (f" {reason}." if reason else "")
            + f" Log: {getattr(task, 'log_url', 'see the task in Airflow')}."
            " Messages and what to do: docs/on-call.md. When mended, clear the task: it goes on"
            " where it stopped."
        )


DEFAULT_ARGS = {
    "owner": os.environ.get("ELT_SUMMARY_OWNER") or "analytics",
    "retries": int(os.environ.get("ELT_SUMMARY_RETRIES") or 2),
    "retry_delay": timedelta(seconds=int(os.environ.get("ELT_SUMMARY_RETRY_SECONDS") or 300)),
    # A task that hangs would keep the pool.
    "execution_timeout": timedelta(hours=6),
    "on_failure_callback": [FailureNotifier()],
    "pool": POOL,
}

# How a DAG runs that rebuilds each day.
DAILY = {
    "schedule": CronDataIntervalTimetable("@daily", timezone="UTC"),
    "start_date": START_DATE,
    "end_date": END_DATE,
    "catchup": True,
    # One day after the other. A backfill does not ask for this: give it its own, or rely on the
    # pool.
    "max_active_runs": 1,
    "default_args": DEFAULT_ARGS,
    # Seen in the list of DAGs, beside the switches.
    "tags": ["elt_summary", "daily: unpause only one"],
}


def command(task_id, words, **options):
    """A task that runs a command line in the project's folder.

    Args:
        task_id: name of the task.
        words: the command and its arguments; templates in them are rendered.
        options: more for the operator.
    """
    return BashOperator(
        task_id=task_id,
        bash_command=shlex.join(words),
        cwd=str(PROJECT),
        env=ENVIRONMENT | options.pop("env", {}),
        append_env=True,
        **options,
    )


def dbt(task_id, words, **options):
    """A task that runs dbt with the target and the variables of this place; see command()."""
    return command(
        task_id, [DBT, *words, "--target", TARGET, "--vars", json.dumps(VARIABLES)], **options
    )


def load_command():
    """The words before those that say what to load."""
    return [
        LOAD_PYTHON, str(PROJECT / "orchestration/load/load_files.py"),
        "--target", TARGET, "--schema", RAW_SCHEMA,
    ]  # fmt: skip


def load_the_day():
    """A list of the task that loads the run's delivery; empty if another loader does that."""
    if not SOURCE:
        return []
    day = ["--day", DAY] if "{day}" in SOURCE else []
    return [command("load", [*load_command(), *day, SOURCE])]
