"""Bad rows in the raw tables: each ends in a mart or in rejected_records, with a reason, and nothing
is lost. All cases share one build per engine; each has a session of its own, named like the case."""

from collections import Counter
from datetime import datetime

import pytest
from raw import COLUMNS, RawTables, assert_marts_equal, create_raw_tables, read_rejected
from warehouse import Warehouse

# Wide enough for the values that do not fit.
WIDE = {
    "user_session_channel": COLUMNS["user_session_channel"] | {"userid": "bigint"},
    "session_transaction": COLUMNS["session_transaction"] | {"amount": "bigint"},
}
NOON = datetime(2019, 5, 1, 12)
USER = (1, "me", "Google")
TIME = ("me", NOON)
PAID = ("me", False, 5)
TRILLION = 10**12

USERS, TIMES, PAYMENTS = "user_session_channel", "session_timestamp", "session_transaction"
NULL, TIMELESS, OUT = "null_key", "unusable_timestamp", "value_out_of_range"
CONFLICT, NO_TIME = "conflicting_duplicates", "session_without_timestamp"
NO_USER, NO_SESSION = "timestamp_without_session", "transaction_without_session"

# case: rows of the three tables ("me" stands for the case's session), what is rejected of them as
# (table, reason) once for each record, and whether fct_sessions has the session
CASES = {
    # users
    "good": ([USER], [TIME], [PAID], [], True),
    "user null": ([(None, "me", "Google")], [TIME], [], [(USERS, NULL), (TIMES, NO_USER)], False),
    "user zero": ([(0, "me", "Google")], [TIME], [], [], True),
    "user negative": ([(-7, "me", "Google")], [TIME], [], [], True),
    "user largest": ([(2**31 - 1, "me", "Google")], [TIME], [], [], True),
    "user smallest": ([(-(2**31), "me", "Google")], [TIME], [], [], True),
    "user too large": ([(2**31, "me", None)], [TIME], [], [(USERS, OUT), (TIMES, NO_USER)], False),
    "user too small": (
        [(-(2**31) - 1, "me", None)], [TIME], [PAID],
        [(USERS, OUT), (TIMES, NO_USER), (PAYMENTS, NO_SESSION)], False,
    ),
    "user huge": ([(2**63 - 1, "me", None)], [TIME], [], [(USERS, OUT), (TIMES, NO_USER)], False),
    "user null beside a good row": (
        [USER, (None, "me", "Google")], [TIME], [], [(USERS, NULL)], True,
    ),
    "two users": (
        [USER, (2, "me", "Google")], [TIME], [],
        [(USERS, CONFLICT), (USERS, CONFLICT), (TIMES, NO_USER)], False,
    ),
    "two users, one of them twice": (
        [USER, USER, (2, "me", "Google")], [TIME], [],
        [(USERS, CONFLICT), (USERS, CONFLICT), (TIMES, NO_USER)], False,
    ),
    # channels
    "channel null": ([(1, "me", None)], [TIME], [], [], True),
    "channel empty": ([(1, "me", "")], [TIME], [], [], True),
    "channel of blanks": ([(1, "me", "   ")], [TIME], [], [], True),
    "channel in capitals": ([(1, "me", "GOOGLE")], [TIME], [], [], True),
    "channel not listed": ([(1, "me", "TikTok")], [TIME], [], [], True),
    "channel with a quote": ([(1, "me", "O'Reilly; drop table x --")], [TIME], [], [], True),
    "channel in another script": ([(1, "me", "\ub124\uc774\ubc84")], [TIME], [], [], True),
    "two channels": (
        [USER, (1, "me", "Naver")], [TIME], [PAID],
        [(USERS, CONFLICT), (USERS, CONFLICT), (TIMES, NO_USER), (PAYMENTS, NO_SESSION)], False,
    ),
    "a channel and none": (
        [USER, (1, "me", None)], [TIME], [],
        [(USERS, CONFLICT), (USERS, CONFLICT), (TIMES, NO_USER)], False,
    ),
    "one channel in two spellings": ([USER, (1, "me", " google ")], [TIME], [], [], True),
    "an unlisted channel in two spellings": (
        [(1, "me", "tiktok"), (1, "me", "TikTok")], [TIME], [], [], True,
    ),
    # duplicates
    "user row twice": ([USER, USER], [TIME], [PAID], [], True),
    "time row three times": ([USER], [TIME, TIME, TIME], [PAID], [], True),
    "everything twice": ([USER, USER], [TIME, TIME], [PAID, PAID], [], True),
    # orphans
    "session without time": ([USER], [], [], [(USERS, NO_TIME)], False),
    "session without time, twice": ([USER, USER], [], [], [(USERS, NO_TIME)], False),
    "session without time, paid": (
        [USER], [], [PAID], [(USERS, NO_TIME), (PAYMENTS, NO_SESSION)], False,
    ),
    "time without session": ([], [TIME], [], [(TIMES, NO_USER)], False),
    "time without session, twice": ([], [TIME, TIME], [], [(TIMES, NO_USER)], False),
    "time without session, paid": (
        [], [TIME], [PAID], [(TIMES, NO_USER), (PAYMENTS, NO_SESSION)], False,
    ),
    "payment alone": ([], [], [PAID], [(PAYMENTS, NO_SESSION)], False),
    "payment alone, twice": (
        [], [], [PAID, PAID], [(PAYMENTS, NO_SESSION), (PAYMENTS, NO_SESSION)], False,
    ),
    # times
    "time null": ([USER], [("me", None)], [], [(USERS, NO_TIME), (TIMES, TIMELESS)], False),
    "time infinite": ([USER], [("me", "infinity")], [], [(USERS, NO_TIME), (TIMES, TIMELESS)], False),
    "time minus infinite": (
        [USER], [("me", "-infinity")], [PAID],
        [(USERS, NO_TIME), (TIMES, TIMELESS), (PAYMENTS, NO_SESSION)], False,
    ),
    "time null beside a good row": ([USER], [TIME, ("me", None)], [], [(TIMES, TIMELESS)], True),
    "time infinite beside a good row": (
        [USER], [("me", "infinity"), TIME], [PAID], [(TIMES, TIMELESS)], True,
    ),
    "time in 1899": (
        [USER], [("me", datetime(1899, 12, 31, 23, 59, 59, 999999))], [],
        [(USERS, NO_TIME), (TIMES, OUT)], False,
    ),
    "time in 1900": ([USER], [("me", datetime(1900, 1, 1))], [], [], True),
    "time in 2099": (
        [USER], [("me", datetime(2099, 12, 31, 23, 59, 59, 999999))], [], [], True,
    ),
    "time in 2100": (
        [USER], [("me", datetime(2100, 1, 1))], [], [(USERS, NO_TIME), (TIMES, OUT)], False,
    ),
    "time in 9999": (
        [USER], [("me", datetime(9999, 12, 31, 23, 59, 59))], [],
        [(USERS, NO_TIME), (TIMES, OUT)], False,
    ),
    "time in the year 1": (
        [USER], [("me", datetime(1, 1, 1))], [], [(USERS, NO_TIME), (TIMES, OUT)], False,
    ),
    "leap day": ([USER], [("me", datetime(2020, 2, 29, 23, 59, 59))], [PAID], [], True),
    "last instant of a month": (
        [USER], [("me", datetime(2019, 1, 31, 23, 59, 59, 999999))], [PAID], [], True,
    ),
    "first instant of a year": ([USER], [("me", datetime(2020, 1, 1))], [PAID], [], True),
    "two times on one day": (
        [USER], [TIME, ("me", datetime(2019, 5, 1, 12, 0, 1))], [],
        [(USERS, NO_TIME), (TIMES, CONFLICT), (TIMES, CONFLICT)], False,
    ),
    "two times in two months": (
        [USER], [TIME, ("me", datetime(2019, 8, 1)), TIME], [PAID],
        [(USERS, NO_TIME), (TIMES, CONFLICT), (TIMES, CONFLICT), (PAYMENTS, NO_SESSION)], False,
    ),
    "two times and two users": (
        [USER, (2, "me", "Google")], [TIME, ("me", datetime(2019, 8, 1))], [],
        [(USERS, CONFLICT), (USERS, CONFLICT), (TIMES, CONFLICT), (TIMES, CONFLICT)], False,
    ),
    # payments
    "amount null": ([USER], [TIME], [("me", False, None)], [], True),
    "amount zero": ([USER], [TIME], [("me", True, 0)], [], True),
    "amount negative": ([USER], [TIME], [("me", None, -15)], [], True),
    "amount largest": ([USER], [TIME], [("me", False, TRILLION)], [], True),
    "amount smallest": ([USER], [TIME], [("me", True, -TRILLION)], [], True),
    "amount too large": ([USER], [TIME], [("me", False, TRILLION + 1)], [(PAYMENTS, OUT)], True),
    "amount too small": ([USER], [TIME], [PAID, ("me", True, -TRILLION - 1)], [(PAYMENTS, OUT)], True),
    "amount huge": ([USER], [TIME], [("me", False, 2**63 - 1)] * 2, [(PAYMENTS, OUT)] * 2, True),
    "amount huge, alone": ([], [], [("me", None, -(2**63))], [(PAYMENTS, OUT)], False),
    # session ids
    "session id with a quote": ([(1, "it's me", "Google")], [("it's me", NOON)], [], [], True),
    "session id with blanks around": (
        [(1, " me", "Google")], [TIME], [], [(USERS, NO_TIME), (TIMES, NO_USER)], False,
    ),
    "session id in another case": (
        [(1, "ME", "Google")], [TIME], [], [(USERS, NO_TIME), (TIMES, NO_USER)], False,
    ),
}

# Rows without a key cannot name their case: (table, row, number of records rejected).
KEYLESS = [
    (USERS, (1, None, "Google")),
    (USERS, (1, "", "Google")),
    (USERS, (None, None, None)),
    (USERS, (1, "  ", "Google")),
    (TIMES, (None, NOON)),
    (TIMES, ("", NOON)),
    (TIMES, (None, None)),
    (PAYMENTS, (None, False, 5)),
    (PAYMENTS, (" ", True, 5)),
    (PAYMENTS, (None, None, None)),
    ("channel", (None,)),
    ("channel", ("",)),
    ("channel", ("  ",)),
]


def own(rows, name):
    """The case's rows, with a session id of its own for each "me"."""
    number = f"{list(CASES).index(name):02}"
    swap = {"me": f"s{number}", " me": f" s{number}", "ME": f"S{number}", "it's me": f"'s{number}"}
    return [tuple(swap.get(value, value) for value in row) for row in rows]


# One group per engine, so that pytest -n builds each only once.
ENGINES = [
    pytest.param(engine, marks=pytest.mark.xdist_group(f"bad input on {engine}"))
    for engine in ("duckdb", "postgres")
]


@pytest.fixture(scope="module", params=ENGINES)
def built(request, tmp_path_factory):
    """A Warehouse built from all cases, and the raw rows."""
    engine = request.param
    server = request.getfixturevalue("postgres_environment") if engine == "postgres" else None
    warehouse = Warehouse(engine, tmp_path_factory.mktemp(engine), server)
    raw = RawTables(channel=[("Google",), ("Naver",), ("naver",)])
    for name, (users, times, payments, *_) in CASES.items():
        raw.rows[USERS] += own(users, name)
        raw.rows[TIMES] += own(times, name)
        raw.rows[PAYMENTS] += own(payments, name)
    for table, row in KEYLESS:
        raw.rows[table] += [row, row]
    create_raw_tables(warehouse, **WIDE)
    raw.write(warehouse)
    accept = {"max_rejected_percent": 100, "max_empty_days": 100000}
    output = warehouse.dbt("build", vars={"demo_data": False} | accept).stdout
    yield warehouse, raw, output
    warehouse.drop()


@pytest.mark.parametrize("name", CASES)
def test_case(built, name):
    """Guards against: a bad row that is used, lost without a word, or takes good rows with it."""
    warehouse, _, _ = built
    users, times, payments, rejected, is_used = CASES[name]
    sessions = {row[1] for row in own(users, name)}
    sessions |= {row[0] for row in own(times, name) + own(payments, name)}
    found = [
        (table, reason)
        for table, session, reason, *_ in read_rejected(warehouse).elements()
        if session in sessions
    ]
    assert Counter(found) == Counter(rejected)
    listed = ", ".join("'" + session.replace("'", "''") + "'" for session in sessions)
    used = warehouse.query(
        f"select count(*) from {warehouse.schema}.fct_sessions where session_id in ({listed})"
    )
    assert used == [(1 if is_used else 0,)]


def test_rows_without_a_key(built):
    """Guards against: rows that no key can find, forgotten."""
    warehouse, _, _ = built
    found = Counter()
    for table, key, reason, record, _, count in read_rejected(warehouse).elements():
        if key is None or not key.strip():
            assert reason == "null_key"
            found[table, record] += count
    assert found == Counter({row: 2 for row in KEYLESS})


def test_nothing_else_and_nothing_lost(built):
    """Guards against: marts that bad rows made wrong, and a record too many or too few: all by the
    oracle; rows and money in raw are used, rejected or duplicates, by the project's own tests."""
    warehouse, raw, output = built
    assert_marts_equal(warehouse, raw.marts())
    assert read_rejected(warehouse) == raw.rejected()
    assert "ERROR=0" in output
    for test in ("reconciliation_has_no_difference", "every_raw_row_is_accounted_for"):
        assert f"PASS {test}" in output
    assert "WARN 1 rejected_records_are_few" in output


def test_mended_rows_come_back(built):
    """Guards against: a row that stays rejected after it was mended at the source. Last, because it
    changes the tables of the other cases."""
    warehouse, raw, _ = built
    mended = RawTables(channel=raw.rows["channel"][:3])
    for name in CASES:
        mended.rows[USERS] += own([USER], name)
        mended.rows[TIMES] += own([TIME], name)
        mended.rows[PAYMENTS] += own([PAID], name)
    mended.write(warehouse)
    warehouse.dbt("build", vars={"demo_data": False})
    assert read_rejected(warehouse) == Counter()
    assert_marts_equal(warehouse, mended.marts())
