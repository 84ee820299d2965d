"""Random histories on Spark, as in test_spark_equivalence.py. The long tier, because each takes minutes:
conftest.py leaves this file out of the other one.
"""

import pytest
from histories import histories
from hypothesis import HealthCheck, Phase, given, settings
from replay import replay
from spark_warehouse import on_spark


@pytest.mark.parametrize("loaded", [False, True], ids=["compared", "by_load_time"])
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
