"""After any history of raw changes and runs the marts equal one full build, and a plain Python
oracle that shares no SQL with the project.

A failing history is shrunk by Hypothesis. Keep it: add it to regressions.py.
"""

import pytest
from histories import histories
from hypothesis import HealthCheck, Phase, given, settings
from regressions import REGRESSIONS
from replay import Runner, replay
from tiers import LONG, size

# So that several processes share the work.
PARTS = 4


@pytest.fixture
def keyed():
    """Whether the session tables in raw have primary keys."""
    return False


@pytest.fixture
def runner(warehouse, monkeypatch, keyed):
    runner = Runner(warehouse, monkeypatch, keyed=keyed)
    yield runner
    warehouse.execute(f"drop schema if exists {runner.full_schema} cascade")


def examples(engine):
    """Settings of Hypothesis: how many histories, by engine and tier."""
    short, long = {"duckdb": (13, 150), "postgres": (4, 50)}[engine]
    return settings(
        max_examples=size(short, long),
        derandomize=not LONG,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


@pytest.mark.parametrize("loaded", [False, True], ids=["compared", "by_load_time"])
def test_any_history_equals_a_full_build(runner, loaded):
    """Guards against: marts that depend on how they came about. Inserts, edits, moves and
    deletions in any order with plain, interval and partial runs, compared with a full build and
    the oracle."""

    @examples(runner.warehouse.engine)
    @given(history=histories(loaded))
    def histories_equal(history):
        replay(runner, history, loaded)

    histories_equal()


@pytest.mark.parametrize("keyed", [True])
@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_any_history_of_keyed_tables_equals_a_full_build(runner):
    """Guards against: a way through keyed raw tables, which nobody need search for duplicates, that
    gives other marts."""

    @examples("postgres")
    @given(history=histories(loaded=False))
    def histories_equal(history):
        replay(runner, history, loaded=False)

    histories_equal()


@pytest.mark.parametrize("part", range(PARTS))
def test_regressions(runner, part):
    """Guards against: histories that were wrong once, or that only one clause keeps right."""
    replay_part(runner, part)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("keyed", [True])
@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_regressions_of_keyed_tables(runner, part):
    """Guards against: as test_regressions, where nobody need search for duplicates."""
    replay_part(runner, part)


def replay_part(runner, part):
    """Replay every PARTS-th kept history; with keys not those by load times."""
    for name, (loaded, history) in list(REGRESSIONS.items())[part::PARTS]:
        if not (runner.keyed and loaded):
            print("replayed:", name)
            replay(runner, history, loaded)
