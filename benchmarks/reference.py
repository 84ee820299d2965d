"""What a user would run instead: three queries written by hand, nightly, as CREATE TABLE AS.

Changed from what an analyst would write for Redshift, and only as far as needed:

- first and last touch: names for the two columns, which a table needs.
- PostgreSQL knows no alias beside its own definition: the conversion rate repeats the two counts,
  which PostgreSQL computes once.
- DuckDB has no to_char: strftime.
- top revenue users: "nulls last", or PostgreSQL ranks users first whose amounts are all null.
"""

import time

from load_raw import quoted

from benchmarks.place import BenchmarkError

FIRST_LAST_TOUCH = """
select distinct usc.userid,
  first_value(usc.channel) over (partition by usc.userid order by st.ts
    rows between unbounded preceding and unbounded following) as first_touch_channel,
  last_value(usc.channel) over (partition by usc.userid order by st.ts
    rows between unbounded preceding and unbounded following) as last_touch_channel
from {raw}.user_session_channel usc
join {raw}.session_timestamp st on usc.sessionid = st.sessionid
"""

TOP_REVENUE_USERS = """
select userid, sum(amount) as gross_revenue,
  sum(case when refunded is not true then amount end) as net_revenue
from {raw}.session_transaction st
join {raw}.user_session_channel usc on st.sessionid = usc.sessionid
group by 1 order by 2 desc nulls last limit 10
"""

MONTHLY_CHANNEL_CONVERSION = """
select {month} as month, usc.channel,
  count(distinct userid) as unique_users,
  count(distinct case when amount >= 0 then userid end) as paid_users,
  round({paid_users}::decimal * 100 / nullif({unique_users}, 0), 2) as conversion_rate,
  sum(amount) as gross_revenue,
  sum(case when refunded is not true then amount end) as net_revenue
from {raw}.user_session_channel usc
left join {raw}.session_timestamp t on t.sessionid = usc.sessionid
left join {raw}.session_transaction st on st.sessionid = usc.sessionid
group by 1, 2 order by 1, 2
"""

CONVERSION_PARTS = {
    "duckdb": {
        "month": "strftime(ts, '%Y-%m')",
        "paid_users": "paid_users",
        "unique_users": "unique_users",
    },
    "postgres": {
        "month": "to_char(ts, 'YYYY-MM')",
        "paid_users": "count(distinct case when amount >= 0 then userid end)",
        "unique_users": "count(distinct userid)",
    },
}

# The least that any of them must do. Not counts, which an engine may have without reading anything.
FLOORS = {
    "bare scan of the raw tables": (
        "select (select sum(length(sessionid)) from {raw}.user_session_channel),"
        " (select sum(extract(day from ts)) from {raw}.session_timestamp),"
        " (select sum(amount) from {raw}.session_transaction)"
    ),
    "bare join of the two session tables": (
        "select count(usc.channel), max(st.ts) from {raw}.user_session_channel usc"
        " join {raw}.session_timestamp st on usc.sessionid = st.sessionid"
    ),
}

# Mart and reference; {month} is the mart's month as the reference writes it. Where the last of the
# ten users ties with the next, the reference may name either.
COMPARISONS = {
    "user_first_last_touch": (
        "select user_id, first_touch_channel, last_touch_channel"
        " from {marts}.user_first_last_touch",
        "select userid, first_touch_channel, last_touch_channel"
        " from {reference}.first_last_touch",
    ),
    "revenue of top_revenue_users": (
        "select gross_revenue from {marts}.top_revenue_users",
        "select gross_revenue from {reference}.top_revenue_users",
    ),
    "top_revenue_users": (
        "select user_id, gross_revenue, net_revenue from {marts}.top_revenue_users"
        " where gross_revenue > (select min(gross_revenue) from {marts}.top_revenue_users)",
        "select userid, gross_revenue, net_revenue from {reference}.top_revenue_users"
        " where gross_revenue > (select min(gross_revenue) from {reference}.top_revenue_users)",
    ),
    "monthly_channel_conversion": (
        "select {month} as month, channel, unique_users, paid_users, gross_revenue, net_revenue"
        " from {marts}.monthly_channel_conversion where unique_users > 0",
        "select month, channel, unique_users, paid_users, coalesce(gross_revenue, 0),"
        " coalesce(net_revenue, 0) from {reference}.monthly_channel_conversion",
    ),
    # Apart: on DuckDB the reference rounds a floating-point number, and so a half either way.
    "conversion_rate of monthly_channel_conversion": (
        "select 0 where exists (select 1 from {marts}.monthly_channel_conversion as m"
        " join {reference}.monthly_channel_conversion as r on {month} = r.month"
        " and m.channel = r.channel where abs(m.conversion_rate - r.conversion_rate) > 0.011)",
        "select 0 where false",
    ),
}


def reference_queries(engine, raw):
    """The three queries, by the name of the table that they make.

    Args:
        engine: "duckdb" or "postgres".
        raw: name of the schema of the raw tables.
    """
    return {
        "first_last_touch": FIRST_LAST_TOUCH.format(raw=raw),
        "top_revenue_users": TOP_REVENUE_USERS.format(raw=raw),
        "monthly_channel_conversion": MONTHLY_CHANNEL_CONVERSION.format(
            raw=raw, **CONVERSION_PARTS[engine]
        ),
    }


def build_reference(place, raw):
    """Make the three tables anew.

    Args:
        place: Place.
        raw: name of the schema of the raw tables.

    Returns:
        Seconds of each statement, by table.
    """
    schema = place.schema("reference")
    place.drop(schema)
    place.execute(f"create schema {quoted(schema)}")
    place.settle()
    seconds = {}
    with place.connection() as run:
        for table, query in reference_queries(place.engine, raw).items():
            started = time.monotonic()
            run(f"create table {schema}.{table} as {query}")
            seconds[table] = time.monotonic() - started
    return seconds


def time_floors(place, raw):
    """Seconds of the bare scan and of the bare join, by name."""
    seconds = {}
    with place.connection() as run:
        for name, query in FLOORS.items():
            started = time.monotonic()
            run(query.format(raw=raw))
            seconds[name] = time.monotonic() - started
    return seconds


def check_against_reference(place, marts):
    """Stop unless the marts equal the reference tables, duplicates counted.

    Args:
        place: Place with both.
        marts: name of the schema of the marts.

    Raises:
        BenchmarkError: they do not, or there is nothing to compare.
    """
    month = {"duckdb": "strftime({}, '%Y-%m')", "postgres": "to_char({}, 'YYYY-MM')"}[place.engine]
    names = {
        "marts": marts,
        "reference": place.schema("reference"),
        "month": month.format("session_month"),
    }
    for what, pair in COMPARISONS.items():
        mart, reference = (sql.format(**names) for sql in pair)
        differences = place.differences(mart, reference)
        if differences:
            raise BenchmarkError(f"{what} differs from the reference in {differences:,} rows")
    if place.one(f"select count(*) from {marts}.top_revenue_users") == 0:
        raise BenchmarkError(f"{marts}.top_revenue_users is empty: nothing was compared")
