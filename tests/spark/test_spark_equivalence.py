"""After any history of raw changes and runs the marts on Spark equal what a plain Python oracle
makes of the raw tables, which shares no SQL with the project. The histories are those of
tests/python, where the oracle is held against full builds; on Spark that would take too long.
"""

import pytest
from regressions import REGRESSIONS
from replay import replay
from spark_warehouse import on_spark
from tiers import LONG, size

# Each is a thing that parquet tables make hard.
IN_EVERY_TIER = ["a session moves into an interval and to another user"]


@pytest.mark.parametrize("name", size(IN_EVERY_TIER, list(REGRESSIONS)))
def test_regressions(runner, name):
    """Guards against: histories that were wrong once, or that only one clause keeps right."""
    loaded, history = REGRESSIONS[name]
    replay(runner, on_spark(history), loaded, with_full_build=LONG)
