"""After any history of raw changes and runs the marts on Spark equal what a plain Python oracle
makes of the raw tables, which shares no SQL with the project. The histories are those of
tests/python, where the oracle is held against full builds; on Spark that would take too long.
"""

import pytest
from histories import histories
from hypothesis import HealthCheck, Phase, given, settings
from regressions import REGRESSIONS
from replay import Runner, replay
from tiers import LONG, size

# Each is a thing that parquet tables make hard.
IN_EVERY_TIER = ["a session moves into an interval and to another user"]


@pytest.fixture
def runner(warehouse, monkeypatch):
    return Runner(warehouse, monkeypatch)


def on_spark(history):
    """The history without what Spark's timestamps cannot be."""
    return [
        (*step[:2], None) if step[0] == "add_time" and "infinity" in str(step[2]) else step
        for step in history
    ]


@pytest.mark.parametrize("loaded", [False, True], ids=["compared", "by_load_time"])
@pytest.mark.skipif(not LONG, reason="takes minutes for each history: the long tier")
def test_any_history_equals_a_full_build(runner, loaded):
    """Guards against: marts that depend on how they came about. Inserts, edits, moves and
    deletions in any order with plain, interval and partial runs, compared with the oracle."""

    @settings(
        max_examples=6,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(history=histories(loaded).map(on_spark))
    def histories_equal(history):
        replay(runner, history, loaded, with_full_build=False)

    histories_equal()


@pytest.mark.parametrize("name", size(IN_EVERY_TIER, list(REGRESSIONS)))
def test_regressions(runner, name):
    """Guards against: histories that were wrong once, or that only one clause keeps right."""
    loaded, history = REGRESSIONS[name]
    replay(runner, on_spark(history), loaded, with_full_build=LONG)
