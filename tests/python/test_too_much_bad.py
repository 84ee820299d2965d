"""Too much bad in the raw tables is an error before any mart is touched; a little is a warning."""

from datetime import datetime, timedelta

import pytest
from raw import RawTables, assert_marts_equal, create_raw_tables, read_marts
from replay import table_exists

DAYS = [datetime(2019, 5, day) for day in (1, 2, 3, 4)]
PER_DAY = 100


@pytest.fixture
def raw(warehouse):
    """Four days of a hundred sessions each, written and not built."""
    raw = RawTables(channel=[("Google",)])
    for day in DAYS:
        for number in range(PER_DAY):
            session = f"{day:%d}-{number:03}"
            raw.add_session(session, number, "Google", day + timedelta(minutes=number), (False, 1))
    create_raw_tables(warehouse)
    raw.write(warehouse)
    return raw


def build(warehouse, *options, check=False, **variables):
    """dbt build; returns its exit code and what it printed, in one line of single blanks."""
    result = warehouse.dbt("build", *options, check=check, vars={"demo_data": False} | variables)
    return result.returncode, " ".join(result.stdout.split())


def lose_users(raw, day, count):
    """Drop the users of so many sessions of a day, which makes orphans of their times."""
    lost = {f"{day:%d}-{number:03}" for number in range(count)}
    users = raw.rows["user_session_channel"]
    raw.rows["user_session_channel"] = [row for row in users if row[1] not in lost]


def lose_day(raw, day):
    prefix = f"{day:%d}-"
    for table, position in (("user_session_channel", 1), ("session_timestamp", 0)):
        rows = raw.rows[table]
        raw.rows[table] = [row for row in rows if not row[position].startswith(prefix)]
    paid = raw.rows["session_transaction"]
    raw.rows["session_transaction"] = [row for row in paid if not row[0].startswith(prefix)]


def test_rejected_rows_of_a_day(warehouse, raw):
    """Guards against: a source gone bad that empties marts over night. One row in a hundred is a
    warning; more is an error that names the day, and the marts stay as they were; and they follow
    when somebody accepts it, or when it is mended."""
    build(warehouse, check=True)
    lose_users(raw, DAYS[1], 1)
    raw.write(warehouse)
    code, output = build(warehouse)
    assert (code, "WARN 1 days_have_few_rejected_rows" in output) == (0, True), output
    assert_marts_equal(warehouse, raw.marts())

    before = read_marts(warehouse)
    good = list(raw.rows["user_session_channel"])
    lose_users(raw, DAYS[2], 3)
    raw.write(warehouse)
    for _ in range(2):
        code, output = build(warehouse)
        assert code == 1
        assert "days_have_few_rejected_rows (fail): rows of these days cannot be used" in output
        assert "session_date=2019-05-03, raw_rows=100, rejected_rows=3" in output
        assert read_marts(warehouse) == before

    assert build(warehouse, max_rejected_percent=3)[0] == 0
    assert_marts_equal(warehouse, raw.marts())
    raw.rows["user_session_channel"] = good
    raw.write(warehouse)
    build(warehouse, check=True)
    assert_marts_equal(warehouse, raw.marts())


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_rejected_rows_without_a_day(warehouse, raw):
    """Guards against: sessions without any time, which are of no day, rejected without a word."""
    raw.rows["user_session_channel"] += [(1, f"timeless {number}", None) for number in range(8)]
    raw.write(warehouse)
    code, output = build(warehouse)
    assert (code, "WARN 1 rejected_records_are_few" in output) == (0, True), output
    raw.rows["user_session_channel"] += [(1, f"timeless {number}", None) for number in (8, 9)]
    raw.write(warehouse)
    code, output = build(warehouse)
    assert code == 1
    assert "rejected_records_are_few (fail): raw rows were not used" in output
    assert "session_date=None, rejected_rows=10" in output


def test_empty_day_between_days_with_rows(warehouse, raw):
    """Guards against: a day that the source lost, dropped from the marts as if it never was."""
    build(warehouse, check=True)
    before = read_marts(warehouse)
    lose_day(raw, DAYS[1])
    raw.write(warehouse)
    code, output = build(warehouse)
    assert code == 1
    assert "no_empty_days_between_days_with_rows (fail): there are no rows between" in output
    assert "day_before=2019-05-01, day_after=2019-05-03" in output
    assert read_marts(warehouse) == before
    interval = ("--event-time-start", "2019-05-02", "--event-time-end", "2019-05-03")
    assert build(warehouse, *interval)[0] == 1
    assert read_marts(warehouse) == before
    code, output = build(warehouse, max_empty_days=1)
    assert (code, "WARN 1 no_empty_days_between_days_with_rows" in output) == (0, True), output
    assert_marts_equal(warehouse, raw.marts())
    # Accepted once, it is not an error for ever.
    code, output = build(warehouse)
    assert (code, "no_empty_days_between_days_with_rows (" in output) == (0, False), output


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_a_day_that_does_not_come(warehouse, raw):
    """Guards against: a day that was never delivered, noticed by nobody when the next one comes."""
    complete = {table: list(rows) for table, rows in raw.rows.items()}
    for day in DAYS[2:]:
        lose_day(raw, day)
    raw.write(warehouse)
    build(warehouse, check=True)
    raw.rows = complete
    lose_day(raw, DAYS[2])
    raw.write(warehouse)
    code, output = build(warehouse)
    assert code == 1
    assert "day_before=2019-05-02, day_after=2019-05-04" in output


def test_days_that_were_not_built_are_no_error(warehouse, raw):
    """Guards against: a backfill that complains about days that nobody built yet, as empty ones or
    as rows that were lost."""
    for day in (DAYS[0], DAYS[3]):
        interval = ("--event-time-start", f"{day:%F}", "--event-time-end")
        build(warehouse, *interval, f"{day + timedelta(days=1):%F}", check=True)
    warehouse.dbt("test", vars={"demo_data": False})
    days = warehouse.query(
        f"select session_date from {warehouse.schema}.reconciliation order by session_date"
    )
    assert days == [(DAYS[0].date(),), (DAYS[3].date(),)]


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_first_build_of_bad_data_builds_nothing(warehouse, raw):
    """Guards against: first marts made of what should have been refused."""
    lose_users(raw, DAYS[0], 50)
    raw.write(warehouse)
    assert build(warehouse)[0] == 1
    assert not table_exists(warehouse, "fct_sessions")
    assert not table_exists(warehouse, "user_revenue")


def test_rows_lost_by_hand_are_named(warehouse, raw):
    """Guards against: sessions that vanish from fct_sessions while the other checks look at stored
    counts; and a difference that does not say how to mend it."""
    build(warehouse, check=True)
    schema = warehouse.schema
    warehouse.execute(f"delete from {schema}.fct_sessions where session_id = '02-007'")
    warehouse.execute(f"update {schema}.reconciliation set session_difference = 1 where"
                      f" session_date = date '2019-05-02'")
    result = warehouse.dbt("test", vars={"demo_data": False}, check=False)
    output = " ".join(result.stdout.split())
    assert result.returncode == 1
    assert "every_raw_row_is_accounted_for (fail)" in output
    assert "mend_with=dbt build --event-time-start 2019-05-02 --event-time-end 2019-05-03" in output
    build(warehouse, check=True)
    assert_marts_equal(warehouse, raw.marts())
