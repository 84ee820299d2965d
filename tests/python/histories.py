"""Histories for the equivalence proof: changes of the raw tables, interleaved with runs.

A history is a list of steps, each a tuple of a method of History and its arguments. Steps that meet
nothing to change (an edit of a session that does not exist) do nothing, so every list is valid and
shrinks well.
"""

from datetime import date, datetime, timedelta

import oracle
from hypothesis import strategies as st

USERS = st.integers(1, 4)
SESSIONS = st.sampled_from([f"s{number}" for number in range(6)] + ["S0", "000"])
CHANNELS = st.sampled_from(["Google", "google", " Naver ", "TikTok", None, ""])
LISTED = st.sampled_from(["Google", "GOOGLE", "Naver", "TikTok", "Newsletter"])
AMOUNTS = st.sampled_from([None, -5, 0, 1, 10, 333])
REFUNDED = st.sampled_from([None, False, True])
MOMENTS = st.sampled_from([
    datetime(2019, 7, 1),
    datetime(2019, 7, 1, 12),
    datetime(2019, 7, 2, 0, 0, 0, 1),
    datetime(2019, 7, 31, 23, 59, 59, 999999),
    datetime(2019, 8, 1),
    datetime(2019, 8, 2, 8, 30),
    datetime(2019, 12, 31, 23, 59, 59),
    datetime(2020, 2, 29, 6),
    datetime(2016, 12, 31, 1),  # long before everything else
    datetime(2024, 1, 1, 0, 0, 0, 1),  # long after: a clock that was wrong
])
BOUNDS = st.sampled_from([
    datetime(2019, 7, 1),
    datetime(2019, 7, 1, 12, 0, 1),
    datetime(2019, 7, 2),
    datetime(2019, 7, 3, 23, 59, 59),
    datetime(2019, 8, 1),
    datetime(2019, 8, 3),
    datetime(2019, 12, 31),
    datetime(2020, 3, 1),
])
BAD_MOMENTS = st.sampled_from([
    None, "infinity", "-infinity", datetime(1899, 12, 31, 23), datetime(2100, 1, 1)
])
NOBODY = st.sampled_from(["nobody", "s9", None, " "])
TRANSACTIONS = st.lists(st.tuples(REFUNDED, AMOUNTS), max_size=2)
INTERVALS = st.tuples(BOUNDS, BOUNDS).filter(lambda bounds: bounds[0] != bounds[1]).map(sorted)

CHANGES = st.one_of(
    st.tuples(st.just("insert"), SESSIONS, USERS, CHANNELS, MOMENTS, TRANSACTIONS),
    st.tuples(st.just("insert"), SESSIONS, USERS, CHANNELS, MOMENTS, TRANSACTIONS),
    st.tuples(st.just("move"), SESSIONS, MOMENTS),
    st.tuples(st.just("edit"), SESSIONS, USERS, CHANNELS),
    st.tuples(st.just("pay"), SESSIONS, REFUNDED, AMOUNTS),
    st.tuples(st.just("change_payments"), SESSIONS, REFUNDED, AMOUNTS),
    st.tuples(st.just("list_channel"), LISTED),
    st.tuples(st.just("duplicate"), SESSIONS),
    # Bad rows: half a session, a second row that contradicts the first, a payment of no session.
    st.tuples(st.just("add_user"), SESSIONS, st.one_of(USERS, st.none()), CHANNELS),
    st.tuples(st.just("add_time"), SESSIONS, BAD_MOMENTS),
    st.tuples(st.just("add_time"), SESSIONS, MOMENTS),
    st.tuples(st.just("pay"), NOBODY, REFUNDED, AMOUNTS),
    st.tuples(st.just("list_channel"), st.sampled_from([None, "", " "])),
    st.tuples(st.just("wait")),
)
DELETIONS = st.one_of(
    st.tuples(st.just("delete"), SESSIONS),
    st.tuples(st.just("delete_payments"), SESSIONS),
    st.tuples(st.just("delete_day"), MOMENTS),
    st.tuples(st.just("delete_user"), USERS),
    st.tuples(st.just("unlist_channel"), LISTED),
    # Mends what was added.
    st.tuples(st.just("keep_one_row"), SESSIONS),
    st.tuples(st.just("lose_user"), SESSIONS),
    st.tuples(st.just("lose_time"), SESSIONS),
)
# Runs that leave something out, as a crash or a selection does: the next runs must make up for it.
PARTIAL = [
    "--select +fct_sessions",
    "--select rebuild_days",
    "--select fct_sessions",
    "--select user_revenue+",
    "--select fct_sessions --full-refresh",
    "--select rebuild_days --event-time-start 2019-07-01 --event-time-end 2019-07-03",
    "--exclude user_revenue",
    "--exclude fct_sessions",
    "--exclude monthly_channel_conversion"
    " --event-time-start 2019-08-01 --event-time-end 2019-08-03",
]
RUNS = st.one_of(
    st.tuples(st.just("run")),
    INTERVALS.map(lambda bounds: ("run_interval", *bounds)),
    st.sampled_from(PARTIAL).map(lambda options: ("run_part", options)),
)
# A mart that somebody dropped by hand: the next runs must make up for that, too.
DROPS = st.tuples(st.just("drop"), st.sampled_from(list(oracle.COLUMNS)))
LOADED_RUNS = st.one_of(RUNS, st.tuples(st.just("run_loaded")), st.tuples(st.just("run_loaded")))


def histories(loaded):
    """Strategy for histories.

    Args:
        loaded: the raw tables carry load times, and runs may use them; nothing is deleted then,
            because a deletion has no load time.
    """
    change = CHANGES if loaded else st.one_of(CHANGES, CHANGES, DELETIONS)
    run = LOADED_RUNS if loaded else RUNS
    change = st.one_of(*[change] * 9, DROPS)
    part = st.tuples(st.lists(change, min_size=1, max_size=5), run).map(lambda p: [*p[0], p[1]])
    return st.lists(part, min_size=1, max_size=4).map(lambda parts: sum(parts, []))


class Source:
    """The raw rows, with a load time each, as the steps of a history change them.

    Attributes:
        users: (user, channel) by session.
        times: start by session.
        payments: list of (refunded, amount) by session.
        channels: names of the listed channels.
        copies: sessions whose rows stand twice in the raw tables.
        keyed: the raw tables have primary keys, and so one row of a session, the first.
    """

    def __init__(self, keyed=False):
        self.keyed = keyed
        self.users = {}
        self.times = {}
        self.payments = {}
        self.channels = ["Google", "Naver"]
        self.copies = set()
        self.clock = datetime(2030, 1, 1)
        self._loaded = {}

    def apply(self, step):
        """Apply one change."""
        getattr(self, step[0])(*step[1:])

    def insert(self, session, user, channel, ts, payments):
        if session not in self.users and session not in self.times:
            self.users[session] = [(user, channel)]
            self.times[session] = [ts]
            self.payments[session] = list(payments)
            self._touch("users", session)
            self._touch("times", session)
            self._touch("payments", session)

    def add_user(self, session, user, channel):
        self.users.setdefault(session, []).append((user, channel))
        self._touch("users", session)

    def add_time(self, session, ts):
        self.times.setdefault(session, []).append(ts)
        self._touch("times", session)

    def keep_one_row(self, session):
        for rows in (self.users, self.times):
            if session in rows:
                rows[session] = rows[session][:1]

    def move(self, session, ts):
        if session in self.times:
            self.times[session][0] = ts
            self._touch("times", session)

    def edit(self, session, user, channel):
        if session in self.users:
            self.users[session][0] = (user, channel)
            self._touch("users", session)

    def pay(self, session, refunded, amount):
        self.payments.setdefault(session, []).append((refunded, amount))
        self._touch("payments", session)

    def change_payments(self, session, refunded, amount):
        if self.payments.get(session):
            self.payments[session][0] = (refunded, amount)
            self._touch("payments", session)

    def list_channel(self, name):
        if name not in self.channels:
            self.channels.append(name)
            self._touch("channels", name)

    def unlist_channel(self, name):
        if name in self.channels:
            self.channels.remove(name)

    def duplicate(self, session):
        self.copies.add(session)

    def wait(self):
        """Let the clock of the loader go on; without, rows share one load time."""
        self.clock += timedelta(seconds=1)

    def delete(self, session):
        for rows in (self.users, self.times, self.payments):
            rows.pop(session, None)

    def lose_user(self, session):
        self.users.pop(session, None)

    def lose_time(self, session):
        self.times.pop(session, None)

    def delete_payments(self, session):
        self.payments.pop(session, None)

    def delete_day(self, ts):
        for session, times in list(self.times.items()):
            if any(isinstance(time, datetime) and time.date() == ts.date() for time in times):
                self.delete(session)

    def delete_user(self, user):
        for session, rows in list(self.users.items()):
            if any(row[0] == user for row in rows):
                self.delete(session)

    def rows(self, loaded=False):
        """Rows by raw table, as RawTables holds them; with load times behind if asked for."""
        tables = {
            "user_session_channel": [
                ((user, session, channel), ("users", session))
                for session, rows in self.users.items()
                for user, channel in (rows[:1] if self.keyed else rows)
            ],
            "session_timestamp": [
                ((session, ts), ("times", session))
                for session, times in self.times.items()
                for ts in (times[:1] if self.keyed else times)
            ],
            "session_transaction": [
                ((session, *payment), ("payments", session))
                for session, payments in self.payments.items()
                for payment in payments
            ],
            "channel": [((name,), ("channels", name)) for name in self.channels],
        }
        for table in () if self.keyed else ("user_session_channel", "session_timestamp"):
            tables[table] += [row for row in tables[table] if row[1][1] in self.copies]
        first = datetime(2029, 1, 1)
        return {
            table: [
                (*row, self._loaded.get(key, first)) if loaded else row for row, key in rows
            ]
            for table, rows in tables.items()
        }

    def _touch(self, kind, key):
        self._loaded[kind, key] = self.clock


def whole_days(start, end) -> tuple[date, date]:
    """The interval widened to whole days, as two dates, half-open."""
    return start.date(), (end - timedelta(microseconds=1)).date() + timedelta(days=1)
