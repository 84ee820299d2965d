"""What a run rebuilds, and why: listed, written, refused."""

import re
from datetime import date, datetime
from pathlib import Path

import pytest
from oracle import KEYS
from raw import RawTables, assert_marts_equal, create_raw_tables, read_marts, read_rejected


@pytest.fixture
def raw(warehouse):
    """Two users, five sessions, three months."""
    raw = RawTables(channel=[("Google",), ("Naver",)])
    raw.add_session("a1", 1, "Google", datetime(2019, 7, 1, 8), (False, 10))
    raw.add_session("a2", 1, "Naver", datetime(2019, 7, 1, 23, 59, 59, 999999))
    raw.add_session("a3", 1, "Google", datetime(2019, 9, 5, 12), (None, 20), (False, 20))
    raw.add_session("b1", 2, "Naver", datetime(2019, 7, 2), (False, 5))
    raw.add_session("c1", 3, "google", datetime(2019, 8, 15))
    create_raw_tables(warehouse)
    raw.write(warehouse)
    return raw


def run(warehouse, *options, **kwargs):
    return warehouse.dbt("run", *options, vars={"demo_data": False}, **kwargs)


def listed(warehouse):
    rows = warehouse.query(
        f"select session_date, reason from {warehouse.schema}.rebuild_days where is_finished"
    )
    return dict(rows)


def row_versions(warehouse):
    """By mart, where each row lies and which transaction wrote it: changes when it is rewritten."""
    version = "xmin::text || ctid::text" if warehouse.engine == "postgres" else "rowid"
    return {
        mart: {
            tuple(key): lies
            for *key, lies in warehouse.query(
                f"select {columns}, {version} from {warehouse.schema}.{mart}"
            )
        }
        for mart, columns in KEYS.items()
    }


def rewritten(before, after, mart):
    """Keys of the rows that were written, changed or deleted."""
    return {key for key, _ in before[mart].items() ^ after[mart].items()}


def test_nothing_to_do_writes_nothing(warehouse, raw):
    """Guards against: a nightly run that rewrites tables nobody changed."""
    run(warehouse)
    assert set(listed(warehouse).values()) == {"first build"}
    before = row_versions(warehouse)
    run(warehouse)
    assert listed(warehouse) == {}
    assert row_versions(warehouse) == before


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_what_one_change_rebuilds(warehouse, raw):
    """Guards against: one changed row that rebuilds more than its day, its users and its months, or
    less. One late row, one refund flip, one moved session, one deleted day."""

    def change():
        raw.write(warehouse)
        before = row_versions(warehouse)
        run(warehouse)
        assert_marts_equal(warehouse, raw.marts())
        after = row_versions(warehouse)
        return (
            listed(warehouse),
            {key for (key,) in rewritten(before, after, "fct_sessions")},
            {key for (key,) in rewritten(before, after, "user_first_last_touch")},
            {month for month, _ in rewritten(before, after, "monthly_channel_conversion")},
        )

    run(warehouse)
    july, august, september = (date(2019, month, 1) for month in (7, 8, 9))

    raw.add_session("b2", 2, "Google", datetime(2019, 7, 1, 5))  # a late row
    day = date(2019, 7, 1)
    assert change() == ({day: "changed"}, {"a1", "a2", "b2"}, {1, 2}, {july})

    paid = raw.rows["session_transaction"]
    paid[paid.index(("a3", None, 20))] = ("a3", True, 20)  # a refund flip
    assert change() == ({date(2019, 9, 5): "changed"}, {"a3"}, {1}, {september})

    times = raw.rows["session_timestamp"]
    times[[row[0] for row in times].index("b1")] = ("b1", datetime(2019, 8, 15, 1))  # a move
    days = {date(2019, 7, 2): "changed", date(2019, 8, 15): "changed"}
    assert change() == (days, {"b1", "c1"}, {2, 3}, {july, august})

    gone = {"b1", "c1"}  # a deleted day
    for table, position in (("user_session_channel", 1), ("session_timestamp", 0)):
        raw.rows[table] = [row for row in raw.rows[table] if row[position] not in gone]
    paid.remove(("b1", False, 5))
    assert change() == ({date(2019, 8, 15): "changed"}, gone, {2, 3}, {august})


def test_changes_among_many_sessions(warehouse):
    """Guards against: days listed because another session of the same bucket changed; changes lost
    where many buckets differ; sums over all of raw where rejected rows make them differ anyway."""
    raw = RawTables(channel=[("Google",), ("Naver",)])
    for number in range(3000):
        start = datetime(2019, 7, 1 + number % 30, 8)
        raw.add_session(f"s{number}", number % 50, "Google", start, (False, number % 7))
    create_raw_tables(warehouse)
    raw.write(warehouse)
    run(warehouse)
    users = raw.rows["user_session_channel"]
    log = Path(warehouse.environment["DBT_LOG_PATH"]) / "dbt.log"

    def change(count):
        """Days listed after so many sessions of July 8 came through the other channel, and whether
        buckets were summed up."""
        for number in range(7, 7 + 30 * count, 30):
            user, session, channel = users[number]
            users[number] = (user, session, "Naver" if channel == "Google" else "Google")
        raw.write(warehouse)
        log.unlink()
        run(warehouse)
        assert_marts_equal(warehouse, raw.marts())
        assert read_rejected(warehouse) == raw.rejected()
        return set(listed(warehouse)), "group by bucket" in log.read_text(encoding="utf-8")

    day = {date(2019, 7, 8)}
    assert change(1) == (day, True)
    for number in range(8, 2999, 10):  # those of July 9, 19 and 29: more buckets than are named
        users[number] = (users[number][0], users[number][1], "Naver")
    assert change(1) == ({date(2019, 7, number) for number in (8, 9, 19, 29)}, True)
    raw.rows["session_timestamp"] += [(f"t{number}", datetime(2019, 7, 2)) for number in range(201)]
    assert change(1) == (day, True)  # not rejected yet
    assert change(2) == (day, False)


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_all_of_raw_is_read_in_parallel(warehouse, raw):
    """Guards against: a comparison of all sessions that one process does alone, which takes twice
    as long, because the planner cannot share out one part of it."""
    run(warehouse)
    run(warehouse)
    log = (Path(warehouse.environment["DBT_LOG_PATH"]) / "dbt.log").read_text(encoding="utf-8")
    query = re.search(r"select bucket\b.*?having .*? != 0", log, re.DOTALL)[0]
    schema = warehouse.raw_schema
    plan = warehouse.query(
        f"""
        insert into {schema}.user_session_channel
        select n, n::text, 'Google' from generate_series(1, 50000) as n;
        insert into {schema}.session_timestamp
        select n::text, timestamp '2019-07-01' from generate_series(1, 50000) as n;
        analyze {schema}.user_session_channel;
        analyze {schema}.session_timestamp;
        set min_parallel_table_scan_size = '1MB';
        set parallel_setup_cost = 0;
        set parallel_tuple_cost = 0;
        explain {query}
        """
    )
    plan = "\n".join(line for (line,) in plan)
    assert "Parallel Append" in plan, plan


def test_same_interval_three_times(warehouse, raw):
    """Guards against: a repeated backfill that adds, drops or changes rows."""
    run(warehouse)
    interval = ["--event-time-start", "2019-07-01", "--event-time-end", "2019-08-01"]
    seen = []
    for _ in range(3):
        run(warehouse, *interval)
        hashes = warehouse.query(
            f"select session_id, row_hash from {warehouse.schema}.fct_sessions order by session_id"
        )
        seen.append((hashes, read_marts(warehouse)))
        assert set(listed(warehouse).values()) == {"interval"}
        assert len(listed(warehouse)) == 31
    assert seen[0] == seen[1] == seen[2]
    assert_marts_equal(warehouse, raw.marts())


def test_interval_on_the_first_build(warehouse, raw):
    """Guards against: a backfill that cannot begin with one month, or whose tests complain about
    the months that were not built."""
    warehouse.dbt(
        "build",
        "--event-time-start",
        "2019-07-01",
        "--event-time-end",
        "2019-08-01",
        vars={"demo_data": False},
    )
    only_july = RawTables(**raw.rows)
    for table, position in (("user_session_channel", 1), ("session_timestamp", 0)):
        only_july.rows[table] = [
            row for row in raw.rows[table] if row[position] not in ("a3", "c1")
        ]
    assert_marts_equal(warehouse, only_july.marts())
    # Here not every day has a session.
    warehouse.dbt("build", vars={"demo_data": False, "max_empty_days": 100})
    assert_marts_equal(warehouse, raw.marts())


def test_interval_not_aligned_to_days(warehouse, raw):
    """Guards against: a day of which only a part is rebuilt. It is widened, and the log says so."""
    result = run(
        warehouse,
        *("--event-time-start", "2019-07-01T22:00:00", "--event-time-end", "2019-07-02T00:00:01"),
    )
    assert "Interval: the days from 2019-07-01 to before 2019-07-03, UTC" in result.stdout
    assert set(listed(warehouse)) == {date(2019, 7, 1), date(2019, 7, 2)}
    sessions = warehouse.query(f"select session_id from {warehouse.schema}.fct_sessions")
    assert set(sessions) == {("a1",), ("a2",), ("b1",)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--full-refresh", "--event-time-start=2019-07-01", "--event-time-end=2019-08-01"],
            "--full-refresh rebuilds everything",
        ),
        (["--empty"], "--empty and --sample read only a part of the raw tables"),
        (["--sample=3 days"], "--empty and --sample read only a part of the raw tables"),
    ],
)
def test_options_that_would_empty_marts_are_refused(warehouse, raw, options, message):
    """Guards against: combinations of options that empty tables and report success."""
    run(warehouse)
    before = row_versions(warehouse)
    result = run(warehouse, *options, check=False)
    assert result.returncode != 0
    assert message in " ".join(result.stdout.split())
    assert row_versions(warehouse) == before


def test_everything_is_rebuilt_on_request(warehouse, raw):
    """Guards against: no way back when tables were changed by hand: --full-refresh mends them."""
    run(warehouse)
    schema = warehouse.schema
    warehouse.execute(f"update {schema}.user_revenue set gross_revenue = 1")
    warehouse.execute(f"delete from {schema}.monthly_channel_conversion")
    run(warehouse, "--full-refresh")
    assert set(listed(warehouse).values()) == {"first build"}
    assert_marts_equal(warehouse, raw.marts())


def test_load_times_name_old_and_new_day(warehouse):
    """Guards against: a run by load times that forgets the day which a session left."""
    create_raw_tables(warehouse)
    for table in ("user_session_channel", "session_timestamp", "session_transaction", "channel"):
        name = f"{warehouse.raw_schema}.{table}"
        warehouse.execute(f"alter table {name} add column inserted_at timestamp")
    loaded = {"demo_data": False, "loaded_at_column": "inserted_at"}
    early, first, second = (datetime(2020, 1, day) for day in (1, 2, 3))
    raw = RawTables(channel=[("Google", early)])
    raw.rows["user_session_channel"] = [(1, "a", "Google", first), (2, "b", "Google", early)]
    raw.rows["session_timestamp"] = [
        ("a", datetime(2019, 7, 1), first),
        ("b", datetime(2019, 7, 5), early),
    ]
    raw.write(warehouse)
    warehouse.dbt("run", vars=loaded)
    raw.rows["session_timestamp"][0] = ("a", datetime(2019, 9, 1), second)
    # Not loaded since: by load times alone nobody can know.
    raw.rows["user_session_channel"][1] = (3, "b", "Google", early)
    raw.write(warehouse)
    warehouse.dbt("run", vars=loaded)
    assert listed(warehouse) == {date(2019, 7, 1): "loaded", date(2019, 9, 1): "loaded"}
    warehouse.dbt("run", vars={"demo_data": False})
    assert listed(warehouse) == {date(2019, 7, 5): "changed"}
