"""The marts in plain Python: the definitions once more, sharing no SQL with the project."""

from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")

# Reasons why a row is rejected whatever the other tables say.
OWN_FAULTS = {"null_key", "unusable_timestamp", "value_out_of_range"}

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

    transactions = defaultdict(list)
    for row in session_transaction:
        if _transaction_fault(row) is None:
            session, refunded, amount = row
            transactions[session].append((bool(refunded), amount))

    users = _by_session(user_session_channel, _user_fault, 1)
    started = _by_session(session_timestamp, _time_fault, 0)
    sessions = {}
    for session in users.keys() & started.keys():
        who, when = _the_one(users[session], _said), _the_one(started[session])
        if who is None or when is None:
            continue
        # Spellings of a channel that is not listed: the first in byte order.
        name = min((_named(row[2]) for row in users[session]), key=str.encode)
        paid_in = transactions[session]
        refund_count = sum(refunded for refunded, _ in paid_in)
        row = (
            session,
            who[0],
            spellings.get(name.lower(), name),
            when[1],
            when[1].date(),
            len(paid_in),
            _money(amount for _, amount in paid_in),
            _money(amount for refunded, amount in paid_in if not refunded),
            any(amount is not None and amount >= 0 for _, amount in paid_in),
        )
        sessions[row] = refund_count
    return marts_of_sessions(sessions, spellings.values(), limit)


def rejected(user_session_channel, session_timestamp, session_transaction, channel):
    """What rejected_records must hold after a full build.

    Args:
        as marts().

    Returns:
        Counter of (source_table, record_key, reason, record, session_date, row_count), record being
        the raw row as a tuple.
    """
    users = _by_session(user_session_channel, _user_fault, 1)
    times = _by_session(session_timestamp, _time_fault, 0)
    users_agree = {session for session, rows in users.items() if _the_one(rows, _said)}
    times_agree = {session for session, rows in times.items() if _the_one(rows)}
    used = users_agree & times_agree

    def day(session):
        return min((ts.date() for _, ts in times.get(session, [])), default=None)

    found = Counter()

    def reject(table, session, reason, row, on, count=1):
        found[table, session, reason, row, on, count] += 1

    for row, count in Counter(user_session_channel).items():
        session, reason = row[1], _user_fault(row)
        if reason is None and session not in used:
            conflict = session not in users_agree
            reason = "conflicting_duplicates" if conflict else "session_without_timestamp"
        if reason:
            reject("user_session_channel", session, reason, row, day(session), count)
    for row, count in Counter(session_timestamp).items():
        session, reason = row[0], _time_fault(row)
        on = None if reason else row[1].date()
        if reason is None and session not in used:
            conflict = session not in times_agree
            reason = "conflicting_duplicates" if conflict else "timestamp_without_session"
        if reason:
            reject("session_timestamp", session, reason, row, on, count)
    for row in session_transaction:
        session, reason = row[0], _transaction_fault(row)
        if reason is None and session not in used:
            reason = "transaction_without_session"
        if reason:
            reject("session_transaction", session, reason, row, day(session))
    for row, count in Counter(channel).items():
        if _is_blank(row[0]):
            reject("channel", None, "null_key", row, None, count)
    return found


def _is_blank(text):
    return text is None or not text.strip(" ")


def _user_fault(row):
    user, session, _ = row
    if _is_blank(session) or user is None:
        return "null_key"
    return None if -(2**31) <= user < 2**31 else "value_out_of_range"


def _time_fault(row):
    session, ts = row
    if _is_blank(session):
        return "null_key"
    if not isinstance(ts, datetime):  # None, or "infinity" as text
        return "unusable_timestamp"
    return None if 1900 <= ts.year <= 2099 else "value_out_of_range"


def _transaction_fault(row):
    session, _, amount = row
    if _is_blank(session):
        return "null_key"
    return "value_out_of_range" if abs(amount or 0) > 10**12 else None


def _by_session(rows, fault, position):
    """Rows without a fault, by session."""
    sessions = defaultdict(list)
    for row in rows:
        if fault(row) is None:
            sessions[row[position]].append(row)
    return sessions


def _the_one(rows, said=lambda row: row):
    """The row that all say; None if they contradict each other."""
    return rows[0] if len(set(map(said, rows))) == 1 else None


def _said(row):
    """What a row of user_session_channel says: the case of a channel and blanks do not matter."""
    return row[0], row[1], _named(row[2]).lower()


def _named(channel):
    return (channel or "").strip(" ") or "(unknown)"


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
