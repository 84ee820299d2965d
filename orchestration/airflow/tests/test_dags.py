"""What the DAGs are, without running them: intervals, order, retries, pool, what tasks are given."""

import ast
import json
from datetime import timedelta
from pathlib import Path

import elt_summary_common as common
import pendulum
import pytest
import start
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import CronDataIntervalTimetable
from warehouse import PROJECT_ROOT

DAGS = Path(start.HERE) / "dags"
DAILY = ["elt_summary_daily", "elt_summary_by_model"]
ALL = [*DAILY, "elt_summary_weekly", "elt_summary_load"]
MAY_5 = pendulum.datetime(2019, 5, 5)


@pytest.fixture(scope="module")
def dags(manifest):
    """The DAGs by name."""
    bag = DagBag(str(DAGS))
    assert bag.import_errors == {}
    assert sorted(bag.dags) == sorted(ALL)
    return bag.dags


@pytest.mark.parametrize("name", ALL)
def test_every_task_has_owner_retries_pool_and_notifier(dags, name):
    """Guards against: a task that fails for good at the first hiccup, that nobody hears of, or that
    runs beside another one in an embedded database."""
    for task in dags[name].tasks:
        assert task.owner == "analytics"
        assert task.retries == 2
        assert task.retry_delay == timedelta(minutes=5)
        assert task.execution_timeout == timedelta(hours=6)
        assert task.pool == "elt_summary"
        assert task.pool_slots == 1
        assert [type(callback) for callback in task.on_failure_callback] == [common.FailureNotifier]
        assert not task.depends_on_past


@pytest.mark.parametrize("name", DAILY)
def test_daily_runs_have_an_interval_of_one_day_and_catch_up(dags, name):
    """Guards against: intervals of no width, as a plain "@daily" has, and days left out."""
    dag = dags[name]
    assert isinstance(dag.timetable, CronDataIntervalTimetable)
    assert dag.catchup is True
    assert dag.max_active_runs == 1
    assert dag.start_date == pendulum.datetime(2019, 5, 2)
    assert dag.end_date == pendulum.datetime(2019, 5, 8)
    assert intervals(dag) == [
        (pendulum.datetime(2019, 5, day), pendulum.datetime(2019, 5, day + 1))
        for day in range(2, 9)
    ]


def test_the_weekly_run_is_not_repeated_for_weeks_past(dags):
    """Guards against: the same comparison of everything, once for every week since the start."""
    assert dags["elt_summary_weekly"].catchup is False
    assert dags["elt_summary_load"].schedule is None


def intervals(dag):
    """Data intervals of the runs that the scheduler makes, from start date to end date."""
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.serialized_objects import DagSerialization

    serialized = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert isinstance(serialized, SerializedDAG)
    return [
        (info.data_interval.start, info.data_interval.end)
        for info in serialized.iter_dagrun_infos_between(dag.start_date, dag.end_date)
    ]


def edges(dag):
    """Which task comes before which."""
    return {(task.task_id, after) for task in dag.tasks for after in task.downstream_task_ids}


def test_load_build_audit_and_compare_reconcile_reference(dags):
    """Guards against: marts built before the day's files are loaded, audits before the marts."""
    assert edges(dags["elt_summary_daily"]) == {("load", "build"), ("build", "audit")}
    assert edges(dags["elt_summary_weekly"]) == {
        ("compare", "reconcile"), ("reconcile", "reference"),
    }  # fmt: skip


def rendered(dag, task_id, start=MAY_5, end=None):
    """The command of a task, as words, for a data interval."""
    import shlex

    task = dag.get_task(task_id)
    context = {
        "data_interval_start": start,
        "data_interval_end": end or start.add(days=1),
        "params": dict(dag.params),
    }
    return shlex.split(task.render_template(task.bash_command, context))


@pytest.mark.parametrize(
    "start", [MAY_5, pendulum.datetime(2019, 5, 5, 9, tz="Asia/Seoul")], ids=["UTC", "Seoul"]
)
@pytest.mark.parametrize("task_id", ["build", "audit"])
def test_dbt_is_given_the_interval_in_utc_and_no_other_time(dags, task_id, start):
    """Guards against: another day than the run's, a time zone's midnight, the offset that dbt
    refuses."""
    words = rendered(dags["elt_summary_daily"], task_id, start)
    assert words[0] == str(PROJECT_ROOT / ".venv/bin/dbt")
    at = words.index("--event-time-start")
    assert words[at : at + 4] == [
        "--event-time-start", "2019-05-05T00:00:00", "--event-time-end", "2019-05-06T00:00:00",
    ]  # fmt: skip
    assert sum("2019" in word for word in words) == 2
    assert json.loads(words[words.index("--vars") + 1]) == {
        "demo_data": False, "raw_schema": "raw_data",
    }  # fmt: skip


def test_load_is_given_the_day_that_begins_the_interval(dags):
    """Guards against: the delivery of the day after."""
    words = rendered(dags["elt_summary_daily"], "load")
    assert words[words.index("--day") + 1] == "2019-05-05"
    assert "load" in {task.task_id for task in dags["elt_summary_by_model"].tasks}


@pytest.mark.parametrize("task_id", ["compare", "reconcile", "reference"])
def test_the_weekly_run_compares_everything(dags, task_id):
    """Guards against: a comparison of one week that passes for one of everything."""
    words = rendered(dags["elt_summary_weekly"], task_id)
    assert not [word for word in words if "event-time" in word or "full_scan" in word]


def test_nothing_reads_the_current_time():
    """Guards against: a run that does something else when it is run later."""
    clocks = {"now", "today", "utcnow", "time", "monotonic", "localtime", "gmtime", "yesterday"}
    for path in DAGS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            name = getattr(called, "attr", getattr(called, "id", None))
            assert name not in clocks, f"{path.name}, line {node.lineno}: {name}()"
            text = str(getattr(node, "value", "")) if isinstance(node, ast.Constant) else ""
            if "{{" in text:
                assert "now" not in text and "today" not in text
                assert "logical_date" not in text and "ds }}" not in text


def model_tasks(dags):
    """Names of the tasks of the DAG by model, by task, and what comes before each of them."""
    dag = dags["elt_summary_by_model"]
    return dag, {task.task_id.removeprefix("models."): task for task in dag.tasks}


def test_every_model_has_a_task_and_every_test_runs_once(dags, manifest):
    """Guards against: a model, or a test, that is forgotten because Cosmos does not render it."""
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    dag, tasks = model_tasks(dags)
    models = {node["name"] for node in nodes.values() if node["resource_type"] == "model"}
    apart = {
        node["name"]
        for node in nodes.values()
        if node["resource_type"] == "test"
        and len(node["depends_on"]["nodes"]) > 1
        and "full_scan" not in node["tags"]
    }
    assert set(tasks) == models | {f"{test}_test" for test in apart} | {"load", "finish_days"}
    for model in models:
        # With the tests that read no other model.
        assert tasks[model].base_cmd == ["build"]
        assert tasks[model].indirect_selection == "cautious"


def test_models_wait_for_the_tests_that_guard_them(dags):
    """Guards against: marts that are touched though too many rows are bad, or a day is missing."""
    dag, tasks = model_tasks(dags)
    for guard in ["days_have_few_rejected_rows_test", "no_empty_days_between_days_with_rows_test"]:
        assert "models.fct_sessions" in tasks[guard].downstream_task_ids
        assert "models.rebuild_days" in tasks[guard].upstream_task_ids
    assert "models.user_revenue" in tasks["top_revenue_users"].upstream_task_ids


def test_days_are_finished_after_everything(dags):
    """Guards against: days that count as finished before a mart, or its test, was through."""
    dag, tasks = model_tasks(dags)
    assert {task.task_id for task in dag.tasks} - {"finish_days"} == tasks[
        "finish_days"
    ].get_flat_relative_ids(upstream=True)


def test_cosmos_passes_the_interval_by_environment(dags):
    """Guards against: a model task that rebuilds what it finds, not the run's day; and a database
    file in a temporary folder."""
    dag, tasks = model_tasks(dags)
    task = tasks["fct_sessions"]
    context = {"data_interval_start": MAY_5, "data_interval_end": MAY_5.add(days=1)}
    env = {name: task.render_template(value, context) for name, value in task.env.items()}
    assert env["DBT_ENGINE_EVENT_TIME_START"] == "2019-05-05T00:00:00"
    assert env["DBT_ENGINE_EVENT_TIME_END"] == "2019-05-06T00:00:00"
    assert env["DBT_DUCKDB_PATH"] == str(PROJECT_ROOT / "warehouse.duckdb")
    assert task.append_env and task.emit_datasets


def test_what_somebody_types_never_reaches_a_shell(dags):
    """Guards against: a source that is run as a command."""
    task = dags["elt_summary_load"].get_task("load")
    assert "{{" not in task.bash_command
    assert task.bash_command.endswith('${DAY:+--day "$DAY"} -- "$SOURCE"')
