"""The marts in plain Python: the definitions once more, sharing no SQL with the project."""

from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")

# The columns that each mart promises, in order. A mart may have more of its own behind them.
COLUMNS = {
    "fct_sessions": (
        "session_id user_id channel started_at session_date transaction_count gross_revenue"
        " net_revenue is_paid"
    ),
    "user_first_last_touch": (
        "user_id first_touch_channel first_touch_at last_touch_channel last_touch_at session_count"
    ),
    "user_revenue": (
        "user_id gross_revenue net_revenue transaction_count refunded_transaction_count"
    ),
    "top_revenue_users": "revenue_rank user_id gross_revenue net_revenue",
    "monthly_channel_conversion": (
        "session_month channel unique_users paid_users conversion_rate gross_revenue net_revenue"
    ),
}

# The primary key of each.
KEYS = {
    "fct_sessions": "session_id",
    "user_first_last_touch": "user_id",
    "user_revenue": "user_id",
    "monthly_channel_conversion": "session_month, channel",
    "top_revenue_users": "revenue_rank",
}


def marts(user_session_channel, session_timestamp, session_transaction, channel, limit=10):
    """What the marts must hold after a full build, from the raw rows.

    Args:
        user_session_channel: rows (userid, sessionid, channel); channel may be None.
        session_timestamp: rows (sessionid, ts), ts a datetime without zone.
        session_transaction: rows (sessionid, refunded, amount); both values may be None.
        channel: rows (channelname,).
        limit: how many users top_revenue_users lists.

    Returns:
        dict of mart name to its set of rows, columns as in COLUMNS.
    """
    spellings = listed_channels(channel)

    def spelled(name):
        name = (name or "").strip(" ") or "(unknown)"
        return spellings.get(name.lower(), name)

    transactions = defaultdict(list)
    for session, refunded, amount in session_transaction:
        transactions[session].append((bool(refunded), amount))

    started = dict(set(session_timestamp))
    sessions = {}
    for user, session, name in set(user_session_channel):
        if session not in started:
            continue
        paid_in = transactions[session]
        refund_count = sum(refunded for refunded, _ in paid_in)
        row = (
            session,
            user,
            spelled(name),
            started[session],
            started[session].date(),
            len(paid_in),
            _money(amount for _, amount in paid_in),
            _money(amount for refunded, amount in paid_in if not refunded),
            any(amount is not None and amount >= 0 for _, amount in paid_in),
        )
        sessions[row] = refund_count
    return marts_of_sessions(sessions, spellings.values(), limit)


def listed_channels(channel):
    """Spelling of each listed channel, by its name in lower case.

    Args:
        channel: rows (channelname,).
    """
    spellings = {}
    names = [(name or "").strip(" ") for (name,) in channel]
    for name in sorted(filter(None, names)):
        spellings.setdefault(name.lower(), name)
    return spellings


def marts_of_sessions(sessions, listed, limit=10):
    """What the marts must hold, given fct_sessions as it stands.

    Args:
        sessions: count of refunded transactions by row of fct_sessions, columns as in COLUMNS.
        listed: names of the listed channels.
        limit: how many users top_revenue_users lists.

    Returns:
        as marts().
    """
    by_user = defaultdict(list)
    for session in sessions:
        by_user[session[1]].append(session)
    touches = set()
    revenue = set()
    for user, theirs in by_user.items():
        # Order of a user's sessions: started_at, then session_id.
        theirs.sort(key=lambda session: (session[3], session[0].encode()))
        first, last = theirs[0], theirs[-1]
        touches.add((user, first[2], first[3], last[2], last[3], len(theirs)))
        if any(session[5] for session in theirs):
            revenue.add((
                user,
                _money(session[6] for session in theirs),
                _money(session[7] for session in theirs),
                sum(session[5] for session in theirs),
                sum(sessions[session] for session in theirs),
            ))

    ranked = sorted(revenue, key=lambda row: (-row[1], row[0]))[:limit]
    return {
        "fct_sessions": set(sessions),
        "user_first_last_touch": touches,
        "user_revenue": revenue,
        "top_revenue_users": {
            (rank, user, gross, net) for rank, (user, gross, net, *_) in enumerate(ranked, start=1)
        },
        "monthly_channel_conversion": _conversion(sessions, listed),
    }


def _conversion(sessions, listed):
    groups = defaultdict(list)
    for session in sessions:
        groups[session[4].replace(day=1), session[2]].append(session)
    months = {month for month, _ in groups}
    if months:
        month, last = min(months), max(months)
        while month <= last:
            for name in listed:
                groups.setdefault((month, name), [])
            month = _next_month(month)
    rows = set()
    for (month, name), theirs in groups.items():
        unique = {session[1] for session in theirs}
        paid = {session[1] for session in theirs if session[8]}
        rate = None
        if unique:
            rate = Decimal(len(paid) * 100) / len(unique)
            rate = rate.quantize(CENT, rounding=ROUND_HALF_UP)
        rows.add((
            month,
            name,
            len(unique),
            len(paid),
            rate,
            _money(session[6] for session in theirs),
            _money(session[7] for session in theirs),
        ))
    return rows


def _next_month(month: date) -> date:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _money(amounts):
    return sum((Decimal(amount) for amount in amounts if amount is not None), Decimal(0))
