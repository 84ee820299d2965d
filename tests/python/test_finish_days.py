"""One dbt run per model, as Airflow does it with a task per model, and finish_days at the end."""

import json
from datetime import datetime

import pytest
from histories import Source
from raw import assert_marts_equal, read_marts
from replay import Runner, assert_finished, expected_marts, unfinished_days, write

JULY_1 = datetime(2019, 7, 1)
JULY_2 = datetime(2019, 7, 2)
INTERVAL = ["--event-time-start", "2019-07-01", "--event-time-end", "2019-07-02"]

# In dbt's order. Views and models that hang on the same ones share a run, to save time.
LIST = "path:models/staging int_sessions int_channels rebuild_loads rebuild_days rebuild_scope"
SESSIONS = "fct_sessions"
TOUCHES = "user_first_last_touch"
BEHIND = [
    TOUCHES,
    "user_revenue",
    "top_revenue_users month_channel_grid monthly_channel_conversion",
    "rejected_records",
    "reconciliation",
]


class Models:
    """Runs models one by one, for the first of July.

    Args:
        warehouse, monkeypatch: as Runner takes them.
    """

    def __init__(self, warehouse, monkeypatch):
        self.warehouse = warehouse
        self.runner = Runner(warehouse, monkeypatch)
        self.source = Source()
        self.source.insert("s1", 1, "Google", JULY_1, [(False, 10)])
        self.source.insert("s2", 2, "Naver", JULY_2, [(False, 20)])
        write(self.source, warehouse)

    def run(self, *selections):
        """dbt run for each selection, with the interval."""
        for selection in selections:
            self.runner.run("--select", *selection.split(), *INTERVAL)

    def change(self, refunded):
        """Make the payments of the first of July refunded, or not."""
        self.source.change_payments("s1", refunded, 10)
        write(self.source, self.warehouse)

    def finish(self):
        """dbt run-operation finish_days, which must succeed; returns what dbt said."""
        succeeded, said = self.runner.operation("finish_days")
        assert succeeded, said
        return said

    def refuse_to_finish(self):
        """dbt run-operation finish_days, which must fail; returns what dbt said."""
        succeeded, said = self.runner.operation("finish_days")
        assert not succeeded, said
        return said


@pytest.fixture
def models(warehouse, monkeypatch):
    """Models of a warehouse in which everything is built and finished."""
    models = Models(warehouse, monkeypatch)
    models.runner.run()
    return models


def test_a_run_per_model_ends_as_one_run_does(models):
    """Guards against: days that are never finished, because no run rebuilt every model, and marts
    that differ from a full build."""
    models.change(refunded=True)
    models.run(LIST, SESSIONS, *BEHIND)
    assert unfinished_days(models.warehouse) == {JULY_1.date()}
    models.finish()
    assert_finished(models.warehouse)
    assert_marts_equal(models.warehouse, expected_marts(models.source))
    assert_marts_equal(models.warehouse, models.runner.full_build())


def test_the_first_build_may_be_one_model_at_a_time(warehouse, monkeypatch):
    """Guards against: a first run, before which no table exists, that leaves days unfinished."""
    models = Models(warehouse, monkeypatch)
    models.run("run_ledger", LIST, SESSIONS, *BEHIND)
    models.finish()
    assert_finished(warehouse)
    models.runner.run()
    assert_marts_equal(warehouse, expected_marts(models.source))


def test_nothing_to_finish_is_no_error(models):
    """Guards against: a task that fails when it is run again."""
    before = read_marts(models.warehouse)
    assert "no days are left to finish" in models.finish()
    assert_marts_equal(models.warehouse, before)


def test_a_model_that_was_not_rebuilt_keeps_days_unfinished(models):
    """Guards against: days that count as finished while a mart does not know of them."""
    models.change(refunded=True)
    models.run(LIST, SESSIONS, *(part for part in BEHIND if part != TOUCHES))
    assert f"fct_sessions was: {TOUCHES}. Run them" in models.refuse_to_finish()
    assert unfinished_days(models.warehouse) == {JULY_1.date()}
    models.run(TOUCHES)
    models.finish()
    assert_finished(models.warehouse)
    assert_marts_equal(models.warehouse, expected_marts(models.source))


def test_a_mart_that_was_rebuilt_before_what_it_reads_does_not_count(models):
    """Guards against: a mart made of another one's old rows, taken for one that knows the days."""
    models.change(refunded=True)
    revenue = "user_revenue"
    models.run(LIST, SESSIONS, *(part for part in BEHIND if part != revenue), revenue)
    # The run with top_revenue_users rebuilt another mart, too, and counts for neither.
    left = "fct_sessions was: monthly_channel_conversion, top_revenue_users. Run them"
    assert left in models.refuse_to_finish()
    models.run("top_revenue_users monthly_channel_conversion")
    models.finish()
    assert_finished(models.warehouse)
    assert_marts_equal(models.warehouse, expected_marts(models.source))


def test_a_mart_that_was_rebuilt_before_fct_sessions_does_not_count(models):
    """Guards against: a mart that was rebuilt from what fct_sessions was before it was rebuilt
    again, taken for one that was rebuilt since."""
    models.change(refunded=True)
    models.run(LIST, SESSIONS, *BEHIND)
    models.change(refunded=False)
    models.run(SESSIONS)
    assert TOUCHES in models.refuse_to_finish()
    models.run(*BEHIND)
    models.finish()
    assert_finished(models.warehouse)
    assert_marts_equal(models.warehouse, expected_marts(models.source))


def test_days_that_another_run_listed_since_are_not_finished(models):
    """Guards against: days that count as finished though fct_sessions has not rebuilt them."""
    models.change(refunded=True)
    models.run(LIST, SESSIONS, *BEHIND)
    models.change(refunded=False)
    models.run("rebuild_days")
    assert "was: fct_sessions. Run them" in models.refuse_to_finish()
    assert unfinished_days(models.warehouse) == {JULY_1.date()}
    models.run(SESSIONS, *BEHIND)
    models.finish()
    assert_finished(models.warehouse)
    assert_marts_equal(models.warehouse, expected_marts(models.source))


def test_the_ledger_says_whose_days_a_model_rebuilt(models):
    """Guards against: evidence by a run that began before fct_sessions was committed."""
    models.change(refunded=True)
    models.run(LIST, TOUCHES, SESSIONS, "user_revenue")
    schema = models.warehouse.schema
    ((run,),) = models.warehouse.query(
        f"select distinct invocation_id from {schema}.rebuild_days where not is_finished"
    )
    reasons = dict(
        models.warehouse.query(
            f"select model, reason from {schema}.run_ledger where model in ('user_revenue',"
            f" '{TOUCHES}') order by started_at"
        )
    )
    assert reasons == {
        TOUCHES: "interval 2019-07-01 to 2019-07-02",
        "user_revenue": f"unfinished of {run}",
    }, json.dumps(reasons)
