"""The marts on the demo data: right by the oracle and by the reference queries, on each engine."""

import csv
import subprocess
import sys
from datetime import datetime

import oracle
import pytest
from raw import assert_marts_equal
from warehouse import PROJECT_ROOT


def demo_table(name):
    """Rows of a demo seed as the oracle takes them."""
    types = {
        "userid": int,
        "ts": datetime.fromisoformat,
        "refunded": {"true": True, "false": False}.__getitem__,
        "amount": int,
    }
    with open(PROJECT_ROOT / "seeds" / f"demo_{name}.csv", newline="") as file:
        return [
            tuple(types.get(column, str)(value) if value else None for column, value in row.items())
            for row in csv.DictReader(file)
        ]


@pytest.fixture
def expected():
    return oracle.marts(
        demo_table("user_session_channel"),
        demo_table("session_timestamp"),
        demo_table("session_transaction"),
        demo_table("channel"),
    )


def test_build_on_demo_data_equals_oracle(warehouse, expected):
    """Guards against: marts that are wrong on one engine, on any special case of the demo data; and
    against a demo that greets a newcomer with warnings."""
    built = warehouse.dbt("build")
    assert "WARN=0 ERROR=0 SKIP=0" in built.stdout
    assert "[WARNING]" not in built.stdout
    assert_marts_equal(warehouse, expected)


def test_build_twice_changes_nothing(warehouse, expected):
    """Guards against: a second run that adds, drops or doubles rows."""
    warehouse.dbt("build")
    warehouse.dbt("build")
    assert_marts_equal(warehouse, expected)


def test_marts_equal_the_reference_queries(warehouse):
    """Guards against: marts and hand-written queries drifting apart; and a comparison that passes
    whatever it compares."""
    warehouse.dbt("build")
    assert compare(warehouse).returncode == 0

    warehouse.execute(
        f"update {warehouse.schema}.user_first_last_touch"
        " set last_touch_channel = 'Nowhere' where user_id = 3"
    )
    warehouse.execute(
        f"insert into {warehouse.schema}.monthly_channel_conversion"
        f" select date '2018-01-01', 'Elsewhere', 1, 1, 100.00, 0, 0"
    )
    spoiled = compare(warehouse)
    assert spoiled.returncode == 1
    assert "reference_user_first_last_touch: 2 differences" in spoiled.stdout
    assert "reference_top_revenue_users: 0 differences" in spoiled.stdout
    assert "reference_monthly_channel_conversion: 1 differences" in spoiled.stdout


def compare(warehouse):
    return subprocess.run(
        [
            sys.executable,
            PROJECT_ROOT / "scripts" / "compare_with_reference.py",
            *warehouse.dbt_command()[1:],
        ],
        cwd=PROJECT_ROOT,
        env=warehouse.child_environment(),
        text=True,
        capture_output=True,
    )
