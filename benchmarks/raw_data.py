"""Raw tables of any size, made inside the engine: plain SQL from a series of numbers.

The same numbers give the same rows on every engine and version. What is random is a hash: the
session id is the MD5 of the session's number, and each draw reads other digits of it.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta

from load_raw import TABLES, create_table_sql, index_name, quoted

FIRST_DAY = date(2021, 1, 1)
MONTHS = 36
END_DAY = date(2024, 1, 1)  # the first day after them
LAST_DAY = END_DAY - timedelta(days=1)
SESSIONS_PER_USER = 10
PAYING_SHARE = 0.06
# A tenth of it has a session on every day; days without look like a broken delivery.
LEAST_SESSIONS = 20_000
CHUNK_SESSIONS = 1_000_000

# A log is written by many at once: it is in order only within so much time.
DISORDER = timedelta(minutes=10)

# Channels with the share of sessions that came through them.
CHANNELS = {
    "Google": 0.34,
    "Organic": 0.22,
    "Facebook": 0.17,
    "Instagram": 0.13,
    "Youtube": 0.09,
    "Naver": 0.05,
}


@dataclass(frozen=True)
class Dialect:
    """What the engines write differently.

    Attributes:
        series: table function of the whole numbers from {first} to {last}, both included, as s(n).
        digits: seven hexadecimal digits of {text} from the place {place} on, as a number.
        microseconds: the number {count} as an interval.
    """

    series: str
    digits: str
    microseconds: str


DIALECTS = {
    "duckdb": Dialect(
        series="range({first}, {last} + 1) as s(n)",
        digits="cast('0x' || substr({text}, {place}, 7) as integer)",
        microseconds="to_microseconds({count})",
    ),
    "postgres": Dialect(
        series="generate_series({first}, {last}) as s(n)",
        digits="cast(('x' || substr({text}, {place}, 7))::bit(28) as integer)",
        microseconds="({count}) * interval '1 microsecond'",
    ),
}


def setup_statements(schema):
    """Statements that create the raw tables, empty, in a new schema."""
    return [
        f"create schema {quoted(schema)}",
        *(create_table_sql(schema, table) for table in TABLES),
    ]


def insert_statements(engine, schema, sessions):
    """Statements that fill the raw tables, by table name, each with the sessions that it adds.

    Args:
        engine: "duckdb" or "postgres".
        schema: name of the schema of the raw tables.
        sessions: how many sessions there are in all.

    Returns:
        dict of table name to a list of (statement, session count).
    """
    selects = {
        "user_session_channel": user_session_channel_sql(engine, sessions),
        "session_timestamp": session_timestamp_sql(engine, sessions),
        "session_transaction": session_transaction_sql(engine),
    }
    statements = {
        "channel": [
            (
                f"insert into {quoted(schema, 'channel')} values "
                + ", ".join(f"('{name}')" for name in CHANNELS),
                0,
            )
        ]
    }
    for table, select in selects.items():
        statements[table] = []
        for first in range(0, sessions, CHUNK_SESSIONS):
            last = min(first + CHUNK_SESSIONS, sessions) - 1
            series = DIALECTS[engine].series.format(first=first, last=last)
            # "offset 0" keeps PostgreSQL from computing the hash anew for each use.
            ids = f"(select n, md5('session ' || n) as id from {series} offset 0) as ids"
            insert = f"insert into {quoted(schema, table)} {select.format(ids=ids)}"
            statements[table].append((insert, last - first + 1))
    return statements


def finish_statements(engine, schema):
    """Statements that add keys and indexes as scripts/load_raw.py does, and collect statistics.

    Returns:
        dict of table name to a list of statements.
    """
    if engine == "duckdb":
        # The loader makes no indexes on DuckDB, and DuckDB counts while it writes.
        return {table: [] for table in TABLES}
    statements = {}
    for table, definition in TABLES.items():
        name = quoted(schema, table)
        statements[table] = []
        if definition.key:
            statements[table].append(f"alter table {name} add primary key ({definition.key})")
        if definition.indexed:
            index = quoted(index_name(table, definition.indexed))
            statements[table].append(f"create index {index} on {name} ({definition.indexed})")
        # Beyond the loader's "analyze": what autovacuum does within minutes of a load, so that it
        # does not do it to the first contender.
        statements[table].append(f"vacuum (analyze) {name}")
    return statements


def digest(engine, sessions):
    """Eight hexadecimal digits that change when other data would be generated."""
    parts = [setup_statements("s"), insert_statements(engine, "s", sessions)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:8]


def draw(engine, text, place):
    """A number from 0 to less than 1, from seven digits of a hash."""
    return f"({DIALECTS[engine].digits.format(text=text, place=place)} / 268435456.0::float8)"


def user_session_channel_sql(engine, sessions):
    """Query for all columns; {ids} stands for the table of numbers and session ids.

    The square of a uniform draw gives the heavy tail: 1 % of the users have 10 % of the sessions,
    the first of a million users 10,000, half of them at most 8.
    """
    users = sessions // SESSIONS_PER_USER
    shares = list(CHANNELS.items())
    reached, cases = 0.0, []
    for name, share in shares[:-1]:
        reached += share
        cases.append(f"when channel_draw < {reached:.2f} then '{name}'")
    return (
        # Times a prime: users with many sessions do not have the lowest numbers.
        f"select cast(1 + (cast(floor({users} * user_draw * user_draw) as bigint) * 7919) % {users}"
        f" as integer), id, case {' '.join(cases)} else '{shares[-1][0]}' end"
        f" from (select id, {draw(engine, 'id', 5)} as user_draw,"
        f" {draw(engine, 'id', 19)} as channel_draw from {{ids}} offset 0) as draws"
    )


def session_timestamp_sql(engine, sessions):
    """As user_session_channel_sql. Sessions are spread evenly over the months."""
    disorder = DISORDER // timedelta(microseconds=1)
    span = (END_DAY - FIRST_DAY) // timedelta(microseconds=1) - disorder
    moment = (
        f"cast(floor(n / {sessions}.0::float8 * {span} + {draw(engine, 'id', 26)} * {disorder})"
        " as bigint)"
    )
    offset = DIALECTS[engine].microseconds.format(count=moment)
    return f"select id, timestamp '{FIRST_DAY}' + {offset} from {{ids}}"


def session_transaction_sql(engine):
    """As user_session_channel_sql. One paying session in twenty has a second transaction; of the
    transactions 7 % are refunded, 5 % have refunded null, 1 % no amount and 2 % the amount 0."""
    return (
        "select id,"
        " case when refunded_draw >= 0.05 then refunded_draw < 0.12 end,"
        " case when amount_draw < 0.01 then null when amount_draw < 0.03 then 0"
        " else cast(floor(1 + 999 * power(size_draw, 3)) as integer) end"
        f" from (select id, {draw(engine, 'hash', 1)} as refunded_draw,"
        f" {draw(engine, 'hash', 8)} as amount_draw, {draw(engine, 'hash', 15)} as size_draw"
        " from (select id, md5(id || repetition) as hash"
        " from {ids} cross join (values (1), (2)) as repetitions (repetition)"
        f" where {draw(engine, 'id', 12)} < {PAYING_SHARE}"
        f" and (repetition = 1 or {draw(engine, 'id', 1)} < 0.05) offset 0) as hashes"
        ") as draws"
    )
