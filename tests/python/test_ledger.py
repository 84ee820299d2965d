"""The run ledger says what each run did to each model, and nothing that is not so: after a run that
ended, failed, or was killed in any phase."""

import json
import random
import re
import subprocess
import sys
import time
from collections import namedtuple
from datetime import datetime, timedelta, timezone

import pytest
from oracle import KEYS
from project_copy import copy_project, copy_with_broken_user_revenue, replace
from raw import assert_marts_equal, read_marts
from replay import LOADED_AT, create_raw, expected_marts, table_exists, unfinished_days, write
from test_crash import LOAD_TIME_VARIABLES, VARIABLES, Child, new_source
from test_race import waiting
from test_rebuild_days import raw, run  # noqa: F401
from warehouse import PROJECT_ROOT

Row = namedtuple("Row", "reason rows_in rows_written rows_rejected seconds outcome")


def ledgers(warehouse):
    """The ledger of each run, the latest first, as a list of dicts of Row by model."""
    if not table_exists(warehouse, "run_ledger"):
        return []
    rows = warehouse.query(
        f"select invocation_id, model, {', '.join(Row._fields)} from {warehouse.schema}.run_ledger"
        " order by started_at desc"
    )
    runs = {}
    for invocation, model, *row in rows:
        runs.setdefault(invocation, {})[model] = Row(*row)
    return list(runs.values())


def counts(ledger, *models):
    """(rows in, rows written) of models, all marts unless named."""
    return {model: ledger[model][1:3] for model in models or KEYS}


def outcomes(ledger):
    return {row.outcome for row in ledger.values()}


def assert_ended_well(warehouse, ledger, reason):
    assert outcomes(ledger) == {"success"}
    assert {row.reason for row in ledger.values()} == {reason}
    assert all(0 < row.seconds < 60 for row in ledger.values())
    for model, row in ledger.items():
        rejected = None
        if model == "rejected_records":
            [(rejected,)] = warehouse.query(f"select count(*) from {warehouse.schema}.{model}")
        assert row.rows_rejected == rejected


def test_runs_that_end_well(warehouse, raw):  # noqa: F811
    """Guards against: counts, reasons or times that are not those of the run: of a first build, an
    interval, a plain run with nothing to do, one model alone, and a full refresh, which the ledger
    survives."""
    nobodys = ("nobody's", datetime(2019, 7, 1))  # no user: read, and not written
    raw.rows["session_timestamp"].append(nobodys)
    raw.write(warehouse)

    before = datetime.now(timezone.utc).replace(tzinfo=None) - timedelta(seconds=1)
    run(warehouse)
    [first] = ledgers(warehouse)
    assert_ended_well(warehouse, first, "first build")
    whole = {
        "fct_sessions": (6, 5),
        "user_first_last_touch": (5, 3),
        "user_revenue": (5, 2),
        "monthly_channel_conversion": (5, 6),
        "top_revenue_users": (2, 2),
    }
    assert counts(first) == whole
    uncounted = ["stg_channel", "int_sessions", "month_channel_grid", "rebuild_scope", "run_ledger"]
    others = dict.fromkeys(uncounted, (None, None))
    others |= {"rebuild_days": (None, 4), "rebuild_loads": (None, 0)}
    assert counts(first, *others) == others
    [(started_at,)] = warehouse.query(
        f"select distinct started_at from {warehouse.schema}.run_ledger"
    )
    assert before < started_at < datetime.now(timezone.utc).replace(tzinfo=None)

    run(warehouse, "--event-time-start", "2019-07-01T12:00:00", "--event-time-end", "2019-08-01")
    assert_ended_well(warehouse, ledgers(warehouse)[0], "interval 2019-07-01 to 2019-08-01")
    assert counts(ledgers(warehouse)[0]) == {
        "fct_sessions": (4, 3),
        "user_first_last_touch": (4, 2),  # two users with all their sessions
        "user_revenue": (4, 2),
        "monthly_channel_conversion": (3, 2),
        "top_revenue_users": (2, 0),
    }

    run(warehouse)
    assert_ended_well(warehouse, ledgers(warehouse)[0], "changed")
    nothing = dict.fromkeys(KEYS, (0, 0)) | {"top_revenue_users": (2, 0)}
    assert counts(ledgers(warehouse)[0]) == nothing

    run(warehouse, "--select", "user_revenue")
    assert_ended_well(warehouse, ledgers(warehouse)[0], "unfinished")
    assert list(ledgers(warehouse)[0]) == ["user_revenue"]

    run(warehouse, "--full-refresh")
    assert_ended_well(warehouse, ledgers(warehouse)[0], "first build")
    assert counts(ledgers(warehouse)[0]) == whole
    assert len(ledgers(warehouse)) == 5


def test_first_build_of_an_interval(warehouse, raw):  # noqa: F811
    """Guards against: rows called read that lie outside the interval."""
    run(warehouse, "--event-time-start", "2019-07-01", "--event-time-end", "2019-08-01")
    [ledger] = ledgers(warehouse)
    assert_ended_well(warehouse, ledger, "interval 2019-07-01 to 2019-08-01")
    assert counts(ledger)["fct_sessions"] == (3, 3)


def test_run_by_load_time(warehouse):
    """Guards against: a run by load time that is called something else."""
    source = new_source(random.Random(1))
    create_raw(warehouse)
    write(source, warehouse)
    for reason in ("first build", "loaded"):
        warehouse.dbt("run", vars=LOAD_TIME_VARIABLES)
        assert_ended_well(warehouse, ledgers(warehouse)[0], reason)


def test_commands_that_build_no_model_write_nothing(warehouse):
    """Guards against: rows of commands that build nothing, and of runs that were refused."""
    warehouse.dbt("seed")
    assert not table_exists(warehouse, "run_ledger")
    warehouse.dbt("run", vars=VARIABLES, check=False)
    assert not table_exists(warehouse, "run_ledger")
    warehouse.dbt("run")
    [ledger] = ledgers(warehouse)
    warehouse.dbt("test", "--select", "run_ledger", "stg_channel")
    warehouse.dbt("run", "--full-refresh", "--sample=3 days", check=False)
    assert ledgers(warehouse) == [ledger]


def test_ledger_that_was_dropped_begins_anew(warehouse, raw):  # noqa: F811
    """Guards against: a run that needs the ledger of an earlier one, or that makes another table
    than the contract of the model says."""

    def columns():
        return warehouse.query(
            "select column_name, data_type, is_nullable from information_schema.columns"
            f" where table_schema = '{warehouse.schema}' and table_name = 'run_ledger'"
            " order by ordinal_position"
        )

    # Made by dbt from the model, without the hook.
    warehouse.dbt("run", "--select", "run_ledger", vars=VARIABLES)
    warehouse.execute(f"drop table {warehouse.schema}.run_ledger")
    run(warehouse)
    assert_ended_well(warehouse, ledgers(warehouse)[0], "first build")
    made_by_hook = columns()
    assert [name for name, *_ in made_by_hook][-len(Row._fields) :] == list(Row._fields)
    assert [nullable for *_, nullable in made_by_hook] == ["NO"] * 4 + ["YES"] * 4 + ["NO"]
    key = f"insert into {warehouse.schema}.run_ledger select * from {warehouse.schema}.run_ledger"
    with pytest.raises(Exception, match="(?i)duplicate|primary key"):
        warehouse.execute(key)


def test_failed_skipped_and_retried_models(warehouse, raw, tmp_path):  # noqa: F811
    """Guards against: a failed or skipped model that the ledger calls a success or counts rows of,
    the reverse, and a `dbt retry` that it does not know or calls more than it was."""
    run(warehouse)
    raw.add_session("b2", 2, "Google", datetime(2019, 7, 1, 5), (False, 100))
    raw.write(warehouse)
    # Somebody breaks the model of one mart, and takes that back.
    broken = ["--project-dir", str(copy_with_broken_user_revenue(tmp_path / "broken"))]
    failed = {"user_revenue": "error", "top_revenue_users": "skipped"}

    def ended():
        return {model: row.outcome for model, row in ledgers(warehouse)[0].items()}

    run(warehouse, *broken, check=False)
    failing = ledgers(warehouse)[0]
    assert ended() == dict.fromkeys(failing, "success") | failed
    assert counts(failing, *failed) == dict.fromkeys(failed, (None, None))
    assert counts(failing)["fct_sessions"] == (3, 3)
    assert failing["user_revenue"].seconds > failing["top_revenue_users"].seconds == 0

    warehouse.dbt("retry", *broken, vars=VARIABLES, check=False)
    assert ended() == failed
    # In the process of another run, as an orchestrator may do it.
    retry = (
        "import json, os; from dbt.cli.main import dbtRunner;"
        "options = json.loads(os.environ['OPTIONS']);"
        "first = ['--no-write-json', 'run', '--select', 'path:models/staging', *options];"
        "assert dbtRunner().invoke(first).success;"
        "assert dbtRunner().invoke(['retry', *options]).success"
    )
    options = warehouse.dbt_command(vars=VARIABLES)[1:]  # without the command
    subprocess.run(
        [sys.executable, "-c", retry],
        cwd=PROJECT_ROOT,
        env=warehouse.child_environment({"OPTIONS": json.dumps(options)}),
        check=True,
    )
    assert ended() == dict.fromkeys(failed, "success")
    retried = ledgers(warehouse)[0]
    # Of the run whose fct_sessions they hang on, not of the retry that failed in between.
    owner = warehouse.query(
        f"select invocation_id from {warehouse.schema}.run_ledger where model = 'fct_sessions'"
        " order by started_at desc limit 1"
    )
    assert {row.reason for row in retried.values()} == {f"unfinished of {owner[0][0]}"}
    # Users 1 and 2 have had sessions on that day.
    assert counts(retried, *failed) == {"user_revenue": (5, 2), "top_revenue_users": (2, 2)}
    assert_marts_equal(warehouse, raw.marts())


# Places where a run can be stopped: a hook of its own that logs a line and then never ends.
GATE = """
{% macro gate(place) %}
    {%- if execute and env_var('ELT_SUMMARY_GATE', '') == place -%}
        {{ log('at the gate', info=true) }}
        {{ adapter.dispatch('hang')() }}
    {%- endif -%}
{% endmacro %}

{% macro default__hang() %}
    select count(*) from range(1000000) as a, range(100000000) as b where a.range + b.range < 0
{% endmacro %}

{% macro postgres__hang() %}
    select pg_sleep(600), '{{ target.schema }}'
{% endmacro %}
"""

# Each phase of a run: where it is killed, and the marts that it has certainly committed by then.
PHASES = [
    ("before the ledger is opened", []),
    ("before the first model", []),
    ("in stg_session_timestamp", []),
    ("in rebuild_days", []),
    ("in fct_sessions", []),
    ("before user_first_last_touch", ["fct_sessions"]),
    ("in user_revenue", ["fct_sessions"]),
    ("before top_revenue_users", ["fct_sessions", "user_revenue"]),
    ("before the days are finished", list(KEYS)),
    ("before the ledger is closed", list(KEYS)),
    ("after the ledger is closed", list(KEYS)),
]


def gated_copy(folder):
    """Copy the project into a folder, with gates."""
    project = copy_project(folder)
    (project / "macros/gate.sql").write_text(GATE, encoding="utf-8")
    file = project / "dbt_project.yml"

    def hook(place):
        return f"""  - "{{{{ gate('{place}') }}}}"\n"""

    opens = '  - "{{ open_ledger() }}"\n'
    closes = '  - "{{ close_ledger(results) }}"\n'
    finishes = '  - "{{ finish_rebuild(results) }}"\n'
    commits = '"{{ record_commit() }}"'
    replace(
        file, opens, hook("before the ledger is opened") + opens + hook("before the first model")
    )
    replace(file, finishes, hook("before the days are finished") + finishes)
    replace(
        file,
        closes,
        hook("before the ledger is closed") + closes + hook("after the ledger is closed"),
    )
    within, before = ("\"{{ gate('%s ' ~ model.name) }}\"" % word for word in ("in", "before"))
    replace(file, commits, f"[{commits}, {within}]\n    +pre-hook: {before}")
    return project


class Held(Child):
    """dbt that is held at a gate."""

    def __init__(self, warehouse, project, gate, *options):
        super().__init__(
            warehouse,
            *("run", "--project-dir", str(project), "--threads", "1", *options),
            vars=VARIABLES,
            extra_env={"ELT_SUMMARY_GATE": gate},
        )
        self._warehouse = warehouse
        for line in self.process.stdout:
            self.lines.append(line)
            if "at the gate" in line:
                return
        raise AssertionError("".join(self.lines))

    def kill(self):
        super().kill()
        self.process.wait()
        if self._warehouse.engine == "postgres":
            # It would go on to wait until then, and only then roll back.
            self._warehouse.query(
                "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
                f" where query like '%pg_sleep(600), ''{self._warehouse.schema}''%'"
                " and pid != pg_backend_pid()"
            )


@pytest.fixture
def gated(warehouse, tmp_path):
    """A built warehouse, the source of its raw rows, and a copy of the project with gates."""
    project = gated_copy(tmp_path / "gated")
    source = new_source(random.Random(9))
    create_raw(warehouse)
    write(source, warehouse)
    warehouse.dbt("run", "--project-dir", str(project), vars=VARIABLES)
    return warehouse, source, project


def expected_counts(before, after, day):
    """(rows in, rows written) of each mart by a run that rebuilt one day, or all for None."""
    sessions = after["fct_sessions"]
    on_day = [row for row in sessions if day in (None, row[4])]
    in_month = [row for row in sessions if not day or row[4].month == day.month]
    users = {row[1] for row in on_day}
    read = len([row for row in sessions if row[1] in users])
    new_ranks = set(after["top_revenue_users"]) - set(before["top_revenue_users"])
    return {
        "fct_sessions": (len(on_day), len(on_day)),
        "user_first_last_touch": (read, len(users)),
        "user_revenue": (read, len([row for row in after["user_revenue"] if row[0] in users])),
        "monthly_channel_conversion": (
            len(in_month),
            len([
                row for row in after["monthly_channel_conversion"]
                if not day or row[0].month == day.month
            ]),
        ),
        "top_revenue_users": (
            len(after["user_revenue"]),
            len(new_ranks if day else after["top_revenue_users"]),
        ),
    }


@pytest.mark.parametrize(
    "options, phases",
    [([], PHASES), (["--full-refresh"], PHASES[4::3])],
    ids=["plain", "full_refresh"],
)
def test_ledger_is_true_after_a_kill_in_each_phase(gated, options, phases):
    """Guards against: a run that died and that the ledger calls finished, a change that it does not
    know of, or one that was rolled back and that it counts. Compared are the marts before and
    after: each run has something to change in every one of them."""
    warehouse, source, project = gated
    [complete] = ledgers(warehouse)
    start = datetime(2019, 7, 15)
    for number, (gate, committed) in enumerate(phases):
        # A new user, whose payment lifts them to the first rank: every mart changes.
        source.insert(f"new{number}", 1000 + number, "Google", start, [(False, 10000 + number)])
        write(source, warehouse)
        before, runs = read_marts(warehouse), len(ledgers(warehouse))
        with Held(warehouse, project, gate, *options) as held:
            held.kill()
        after = read_marts(warehouse)
        new = ledgers(warehouse)[: len(ledgers(warehouse)) - runs]
        if gate == "before the ledger is opened":
            assert (new, after) == ([], before)
            continue

        [ledger] = new
        assert ledger.keys() == complete.keys()
        changed = {mart for mart in KEYS if after[mart] != before[mart]}
        assert changed >= set(committed), gate
        assert {mart for mart in KEYS if ledger[mart].outcome != "started"} == changed, gate
        expected = expected_counts(before, after, None if options else start.date())
        for mart in KEYS:
            found = ledger[mart][1:3]
            assert found == (expected[mart] if mart in changed else (None, None)), (gate, mart)
        model = gate.split()[-1]
        if model in ledger:
            assert ledger[model].outcome == "started", gate

        is_closed = gate == "after the ledger is closed"
        assert ("success" in outcomes(ledger)) == is_closed, gate
        assert (outcomes(ledger) == {"success"}) == is_closed, gate
        assert all((row.seconds is not None) == is_closed for row in ledger.values()), gate
        if ledger["rebuild_days"].outcome != "started":
            is_finished = gate in ("before the ledger is closed", "after the ledger is closed")
            assert (unfinished_days(warehouse) == set()) == is_finished, gate

    # What no rebuilding ended stays as it was: the next run has rows of its own.
    died = ledgers(warehouse)
    warehouse.dbt("run", "--project-dir", str(project), vars=VARIABLES)
    assert_marts_equal(warehouse, expected_marts(source))
    assert outcomes(ledgers(warehouse)[0]) == {"success"}
    assert ledgers(warehouse)[1:] == died


def test_ledger_after_a_kill_in_the_first_build(gated):
    """Guards against: a first build that died before it had a table, and that the ledger counts."""
    warehouse, _, project = gated
    warehouse.execute(f"drop schema {warehouse.schema} cascade")
    with Held(warehouse, project, "in fct_sessions") as held:
        held.kill()
    [ledger] = ledgers(warehouse)
    assert not table_exists(warehouse, "fct_sessions")
    assert outcomes(ledger) == {"started", "committed"}
    assert ledger["fct_sessions"] == Row("first build", None, None, None, None, "started")


def test_failed_end_of_a_run_is_not_called_success(gated):
    """Guards against: a ledger that calls a run finished whose days could not be marked so."""
    warehouse, source, project = gated
    finish = project / "macros/rebuild/finish_rebuild.sql"
    replace(finish, "{{ lock_sessions() }}", "select no_such_column;")
    result = warehouse.dbt("run", "--project-dir", str(project), vars=VARIABLES, check=False)
    assert result.returncode == 1
    assert outcomes(ledgers(warehouse)[0]) == {"committed"}


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_ledger_holds_nobody_back(gated):
    """Guards against: a run that waits for another because both write to the ledger."""
    warehouse, _, project = gated
    with Held(warehouse, project, "in user_revenue") as held:
        # It ends, while the other one has its row of the ledger, and all locks, in its hands.
        options = ["--select", "run_ledger", "rebuild_scope", "stg_channel"]
        settings = {
            "DBT_TARGET_PATH": warehouse.environment["DBT_TARGET_PATH"] + "_of_second",
            "PGOPTIONS": "-c lock_timeout=5s",
        }
        warehouse.dbt("run", *options, vars=VARIABLES, extra_env=settings)
        assert outcomes(ledgers(warehouse)[0]) == {"success"}
        assert ledgers(warehouse)[1]["user_revenue"].outcome == "started"
        held.kill()


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_first_runs_at_once_share_one_ledger(warehouse):
    """Guards against: a first run that fails because another one creates the ledger meanwhile."""
    warehouse.dbt("seed")
    warehouse.dbt("run", "--select", "run_ledger")
    schema = warehouse.schema
    warehouse.execute(f"alter table {schema}.run_ledger rename to made_before")
    other = warehouse.connect()
    other.autocommit = False
    cursor = other.cursor()
    cursor.execute(f"select pg_advisory_xact_lock(hashtextextended('{schema}.run_ledger', 0))")
    cursor.execute(f"create table {schema}.run_ledger (like {schema}.made_before including all)")
    with Child(warehouse, "run", "--select", "run_ledger", vars={}) as child:
        while waiting(warehouse) == 0:
            assert child.process.poll() is None, "it did not wait"
            time.sleep(0.05)
        other.commit()
        other.close()
        assert child.finish() == 0, "".join(child.lines)
    assert outcomes(ledgers(warehouse)[0]) == {"success"}


def readme_queries():
    """The queries of the README's section on the ledger."""
    text = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## Who ran what: run_ledger")[1].split("\n## ")[0]
    return re.findall(r"```sql\n(.*?)```", section, re.DOTALL)


def test_queries_of_the_readme(warehouse):
    """Guards against: queries in the README that do not run, or miss what they are to find."""
    warehouse.dbt("run", "--select", "run_ledger")
    table = f"{warehouse.schema}.run_ledger"
    warehouse.execute(f"delete from {table}")
    runs = [("a", "success", 5, 100), ("b", "success", 6, 110), ("c", "success", 5, 90)]
    runs += [("d", "committed", None, 80), ("e", "error", 3, None), ("f", "success", 60, 90)]
    for day, (run_id, outcome, seconds, written) in enumerate(runs, start=1):
        for model, outcome in (("fct_sessions", outcome), ("user_revenue", "success")):
            # The other one takes, and writes, the same each time.
            numbers = (seconds, written) if model == "fct_sessions" else (1, 10)
            values = ", ".join("null" if number is None else str(number) for number in numbers)
            warehouse.execute(
                f"insert into {table} (invocation_id, model, started_at, reason, outcome,"
                f" seconds, rows_written) values ('{run_id}', '{model}', '2019-07-0{day}',"
                f" 'changed', '{outcome}', {values})"
            )
    undone, last, unusual = (
        warehouse.query(query.replace("analytics.", f"{warehouse.schema}."))
        for query in readme_queries()
    )
    assert [row[:3] for row in undone] == [
        (datetime(2019, 7, 5), "changed", "fct_sessions: error"),
        (datetime(2019, 7, 4), "changed", "fct_sessions: committed"),
    ]
    assert [row[0] for row in last] == ["fct_sessions", "user_revenue"]
    assert [row[:2] for row in unusual] == [("fct_sessions", datetime(2019, 7, 6))]
