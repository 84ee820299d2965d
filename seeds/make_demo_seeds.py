#!/usr/bin/env python3
"""Make the demo data: four small CSV files beside this script.

    python seeds/make_demo_seeds.py           write the files
    python seeds/make_demo_seeds.py --check   write nothing, exit 1 if the files there differ

The story: a small online shop from May to November 2019. Everything is made up. Users 101 and up
are everyday traffic, drawn at random. Users 1 to 21 are special cases, one function each, and the
comment of each function says what the marts must make of it: read from top to bottom, they are the
definitions of this project by example.

The same bytes come out each time and on every machine: the only source of chance is
`random.Random(SEED).random()`, whose sequence Python promises to keep, and all else is whole
numbers. Nothing depends on the clock, the locale, or the order of a set.

What is deliberately not here, because the demo must build without a warning: sessions that are in
one table and not in another, null keys, and one session id with two different rows.
"""

import argparse
import bisect
import hashlib
import itertools
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
SEED = 20190501

FIRST_DAY = date(2019, 5, 1)
LAST_DAY = date(2019, 11, 30)
SESSIONS = 3000
EVERYDAY_USERS = range(101, 280)

# Channel -> (share of the sessions, sessions per thousand in which somebody buys).
TRAFFIC = {
    "Facebook": (17, 62),
    "Google": (20, 80),
    "Instagram": (16, 58),
    "Naver": (15, 66),
    "Organic": (19, 76),
    "Youtube": (13, 50),
}

# Listed, but nobody ever came through it. The monthly mart has it in each of the seven months, with
# 0 users, 0 revenue and a null conversion rate.
UNUSED_CHANNEL = "Newsletter"

# Listed, with sessions in every month but this one, in which the other channels have some: a hole
# that a plain `group by` leaves open and the complete month x channel grid closes.
QUIET_CHANNEL, QUIET_MONTH = "Naver", (2019, 7)

# Not listed: keeps its own spelling, and is reported.
UNLISTED_CHANNEL = "TikTok"

MONTH_WEIGHT = {5: 60, 6: 72, 7: 70, 8: 78, 9: 100, 10: 115, 11: 140}
WEEKDAY_WEIGHT = (10, 9, 9, 10, 12, 15, 14)  # Monday to Sunday
HOUR_WEIGHT = (3, 2, 1, 1, 1, 2, 4, 6, 8, 9, 9, 10, 12, 11, 9, 9, 9, 10, 12, 14, 15, 14, 10, 6)


@dataclass
class Shop:
    """The raw rows, in the order in which they were made."""

    user_session_channel: list[tuple] = field(default_factory=list)
    session_timestamp: list[tuple] = field(default_factory=list)
    session_transaction: list[tuple] = field(default_factory=list)
    ids: itertools.count = field(default_factory=lambda: itertools.count(1))

    def new_id(self) -> str:
        return md5_of(next(self.ids))

    def session(self, user: int, ts: str | datetime, channel: str | None, sid: str = "") -> str:
        sid = sid or self.new_id()
        when = ts if isinstance(ts, datetime) else datetime.fromisoformat(ts)
        self.user_session_channel.append((user, sid, channel))
        self.session_timestamp.append((sid, when))
        return sid

    def transaction(self, sid: str, amount: int | None, refunded: bool | None = False) -> None:
        self.session_transaction.append((sid, refunded, amount))


def md5_of(number: int) -> str:
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


# ---- Special cases: users 1 to 21 ----------------------------------------------------------------


def several_transactions_in_one_session(shop: Shop) -> None:
    # Transactions have no key of their own, so the two identical rows are two transactions: this
    # one session has transaction_count 3 and gross 25 + 25 + 40 = 90. A second session of the same
    # user and month must not be multiplied by them: 2 sessions, 1 unique user, gross 90.
    sid = shop.session(1, "2019-06-03 09:12:44.120", "Google")
    shop.transaction(sid, 25)
    shop.transaction(sid, 25)
    shop.transaction(sid, 40)
    shop.session(1, "2019-06-20 18:05:10.007", "Google")


def tie_in_time_at_both_ends(shop: Shop) -> None:
    # Two sessions start in the same millisecond, first and again last: session_id decides. First
    # touch is the lower id of the first pair, Facebook; last touch the higher id of the last pair,
    # Youtube. The higher id stands first in the file, so that file order gives the wrong answer.
    low, high = sorted((shop.new_id(), shop.new_id()))
    shop.session(2, "2019-06-10 10:00:00.000", "Organic", high)
    shop.session(2, "2019-06-10 10:00:00.000", "Facebook", low)
    shop.session(2, "2019-08-01 12:30:00.500", "Google")
    low, high = sorted((shop.new_id(), shop.new_id()))
    shop.session(2, "2019-09-15 21:45:30.250", "Youtube", high)
    shop.session(2, "2019-09-15 21:45:30.250", "Instagram", low)


def tie_in_time_is_all_there_is(shop: Shop) -> None:
    # The only two sessions of this user start together: first touch Instagram (lower id), last
    # touch Google (higher id). Breaking the tie in opposite ways at the two ends gives one channel.
    low, high = sorted((shop.new_id(), shop.new_id()))
    shop.session(3, "2019-08-08 08:08:08.808", "Google", high)
    shop.session(3, "2019-08-08 08:08:08.808", "Instagram", low)


def refunded_is_true_false_or_null(shop: Shop) -> None:
    # A null `refunded` counts as not refunded: gross 60 + 35 + 45 = 140, net 60 + 45 = 105,
    # 3 transactions, 1 of them refunded. `not refunded` in SQL would lose the null row.
    for ts, refunded, amount in (
        ("2019-05-14 11:20:00.330", False, 60),
        ("2019-05-21 16:41:07.900", True, 35),
        ("2019-05-28 13:02:59.015", None, 45),
    ):
        shop.transaction(shop.session(4, ts, "Organic"), amount, refunded)


def refund_does_not_undo_paid(shop: Shop) -> None:
    # The only transaction was refunded: gross 80, net 0 (not null), and still a paid user.
    shop.transaction(shop.session(5, "2019-09-04 19:30:12.640", "Instagram"), 80, True)


def amount_zero(shop: Shop) -> None:
    # Bought for nothing, say with a voucher: zero is `>= 0`, so a paid user with gross 0.
    shop.transaction(shop.session(6, "2019-07-11 14:14:14.140", "Facebook"), 0)


def negative_amount_only(shop: Shop) -> None:
    # A correction without a sale: gross and net -15, has a transaction, but is not a paid user.
    shop.transaction(shop.session(7, "2019-07-18 07:55:01.002", "Facebook"), -15)


def negative_session_with_a_sale(shop: Shop) -> None:
    # The session sums to 20 - 50 = -30, yet one transaction is `>= 0`: a paid user. Whether a
    # session is paid is asked of its transactions, not of their sum.
    sid = shop.session(8, "2019-10-09 20:17:33.480", "Youtube")
    shop.transaction(sid, 20)
    shop.transaction(sid, -50)


def null_amount_only(shop: Shop) -> None:
    # The session's only transaction has no amount: a sum of nothing is 0, not null. The user is in
    # user_revenue with gross 0, net 0 and 1 transaction, and is not paid (null is not `>= 0`).
    shop.transaction(shop.session(9, "2019-08-22 10:40:25.710", "Naver"), None)


def null_amount_beside_others(shop: Shop) -> None:
    # A null amount adds nothing and takes nothing away: gross 30, net 30, 3 transactions, 1 of them
    # refunded (the one without an amount).
    sid = shop.session(10, "2019-08-27 17:25:48.093", "Naver")
    shop.transaction(sid, 30)
    shop.transaction(sid, None)
    shop.transaction(sid, None, True)


def channel_spelled_in_other_ways(shop: Shop) -> None:
    # All are listed channels: trimmed, matched without regard to case, spelled as in demo_channel.
    # The first two are one user of Google in May, the third of Facebook, the fourth of Instagram.
    # First touch Google, last touch Instagram.
    shop.session(11, "2019-05-06 09:00:10.000", "google")
    shop.session(11, "2019-05-09 09:00:20.000", "Google")
    shop.transaction(shop.session(11, "2019-06-06 09:00:30.000", "FACEBOOK"), 55)
    shop.session(11, "2019-09-06 09:00:40.000", "  Instagram ")


def channel_missing(shop: Shop) -> None:
    # Null (an empty field) and nothing but blanks both become `(unknown)`: one user, two sessions
    # and gross 12 in the row of June x (unknown). (`dbt seed` keeps the blanks on DuckDB and loads
    # null on Postgres; the marts are the same.)
    shop.session(12, "2019-06-15 22:10:05.505", None)
    shop.transaction(shop.session(12, "2019-06-16 22:11:06.606", "   "), 12)


def channel_not_listed(shop: Shop) -> None:
    # Not in demo_channel: keeps its own spelling, counts like any other, and is reported. It has
    # rows in the months in which somebody came, October and November; the grid is not filled up for
    # it. Always spelled alike: nothing says how an unlisted channel is spelled correctly.
    shop.session(13, "2019-10-20 15:33:21.870", UNLISTED_CHANNEL)
    shop.transaction(shop.session(13, "2019-11-05 15:34:22.871", UNLISTED_CHANNEL), 70)


def either_side_of_a_month_end(shop: Shop) -> None:
    # One microsecond apart, in two days and two months. A user of Organic in October (gross 10) and
    # in November (gross 11). An interval that ends at 2019-11-01 takes the first one only; a ts
    # rounded to milliseconds would move it into November.
    shop.transaction(shop.session(14, "2019-10-31 23:59:59.999999", "Organic"), 10)
    shop.transaction(shop.session(14, "2019-11-01 00:00:00.000", "Organic"), 11)


def first_and_last_moment_of_all(shop: Shop) -> None:
    # The first second of the first day and the last microsecond of the last one: seven months and
    # 214 days, not one more. Midnight belongs to the day that it begins.
    shop.session(15, "2019-05-01 00:00:00.000", "Google")
    shop.session(15, "2019-11-30 23:59:59.999999", "Facebook")


def user_without_a_transaction(shop: Shop) -> None:
    # Only looked around: in user_first_last_touch (3 sessions, Youtube to Organic) and among the
    # unique users, not in user_revenue. Many everyday users are like this one.
    shop.session(16, "2019-07-02 12:00:00.111", "Youtube")
    shop.session(16, "2019-07-23 12:30:00.222", "Google")
    shop.session(16, "2019-09-30 13:00:00.333", "Organic")


def tie_in_gross_revenue(shop: Shop) -> None:
    # Both have a gross revenue of 1000, enough for the top ten: 17 ranks before 18, by user_id,
    # although 18 bought first and has the higher net revenue (1000 against 800).
    for ts, amount in (
        ("2019-05-17 10:05:00.018", 300),
        ("2019-06-28 20:15:00.018", 300),
        ("2019-08-30 19:25:00.018", 400),
    ):
        shop.transaction(shop.session(18, ts, "Google"), amount)
    for ts, amount, refunded in (
        ("2019-09-13 10:05:00.017", 200, True),
        ("2019-10-25 20:15:00.017", 450, False),
        ("2019-11-22 19:25:00.017", 350, False),
    ):
        shop.transaction(shop.session(17, ts, "Organic"), amount, refunded)


def exact_duplicate_rows(shop: Shop) -> None:
    # In the two session tables exact duplicates are one row: each of the two sessions is once in
    # fct_sessions, with gross 65 and 85. Joining first would give 130 and 170.
    sid = shop.session(19, "2019-09-19 11:11:11.111", "Naver")
    shop.transaction(sid, 65)
    shop.user_session_channel.append(shop.user_session_channel[-1])
    sid = shop.session(19, "2019-09-26 12:12:12.212", "Naver")
    shop.transaction(sid, 85)
    shop.session_timestamp.append(shop.session_timestamp[-1])


def refund_of_an_earlier_month(shop: Shop) -> None:
    # The first of the two was sent back in August. Raw rows do not say when, and it does not
    # matter: a refund lowers the net of the month in which the session started. Google in June has
    # gross 120 and net 0 from this user, Google in August gross 75 and net 75.
    shop.transaction(shop.session(20, "2019-06-25 16:20:30.402", "Google"), 120, True)
    shop.transaction(shop.session(20, "2019-08-13 16:21:31.403", "Google"), 75)


def session_id_with_leading_zeros(shop: Shop) -> None:
    # An id is text: whoever reads it as a number loses the zeros, and the session its amount of 18.
    # This one starts with four of them; one in sixteen everyday ids starts with a zero as well.
    number = next(n for n in itertools.count(1_000_000) if md5_of(n).startswith("0000"))
    sid = shop.session(21, "2019-10-02 08:30:00.021", "Instagram", md5_of(number))
    shop.transaction(sid, 18)


SPECIAL_CASES = (
    several_transactions_in_one_session,
    tie_in_time_at_both_ends,
    tie_in_time_is_all_there_is,
    refunded_is_true_false_or_null,
    refund_does_not_undo_paid,
    amount_zero,
    negative_amount_only,
    negative_session_with_a_sale,
    null_amount_only,
    null_amount_beside_others,
    channel_spelled_in_other_ways,
    channel_missing,
    channel_not_listed,
    either_side_of_a_month_end,
    first_and_last_moment_of_all,
    user_without_a_transaction,
    tie_in_gross_revenue,
    exact_duplicate_rows,
    refund_of_an_earlier_month,
    session_id_with_leading_zeros,
)


# ---- Everyday traffic: users 101 and up ----------------------------------------------------------


class Dice:
    """Whole numbers by chance, from `random()` alone, the one method whose sequence is kept."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def below(self, n: int) -> int:
        return int(self._random() * n)

    def pick(self, items, weights):
        sums = list(itertools.accumulate(weights))
        return items[bisect.bisect_right(sums, self.below(sums[-1]))]


def everyday_traffic(shop: Shop, dice: Dice, sessions: int) -> None:
    days = [FIRST_DAY + timedelta(n) for n in range((LAST_DAY - FIRST_DAY).days + 1)]
    day_weights = [MONTH_WEIGHT[day.month] * WEEKDAY_WEIGHT[day.weekday()] for day in days]
    channels = list(TRAFFIC)
    channel_weights = [share for share, _ in TRAFFIC.values()]
    # Heavy tail: a few come every other day, most once a month or less, everybody at least once.
    users = list(EVERYDAY_USERS)
    user_weights = [10_000 // (position + 6) for position in range(len(users))]
    favourite = {user: dice.pick(channels, channel_weights) for user in users}

    for number in range(sessions):
        user = users[number] if number < len(users) else dice.pick(users, user_weights)
        day = dice.pick(days, day_weights)
        started_at = datetime(day.year, day.month, day.day) + timedelta(
            hours=dice.pick(range(24), HOUR_WEIGHT), milliseconds=dice.below(3_600_000)
        )
        channel = favourite[user] if dice.below(2) else dice.pick(channels, channel_weights)
        while channel == QUIET_CHANNEL and (day.year, day.month) == QUIET_MONTH:
            channel = dice.pick(channels, channel_weights)

        sid = shop.session(user, started_at, channel)
        if dice.below(1000) < TRAFFIC[channel][1]:
            for _ in range(dice.pick((1, 2, 3), (90, 8, 2))):
                amount = 5 + min(dice.below(296), dice.below(296), dice.below(296))
                refunded = dice.pick((False, True, None), (88, 8, 4))
                shop.transaction(sid, amount, refunded)


# ---- Promises: what must stay true, whatever is changed above ------------------------------------


def promise(kept: bool, text: str) -> None:
    if not kept:
        raise SystemExit(f"make_demo_seeds.py: the data breaks a promise: {text}")


def check_promises(shop: Shop) -> None:
    owner = {sid: (user, channel) for user, sid, channel in shop.user_session_channel}
    start = dict(shop.session_timestamp)
    promise(owner.keys() == start.keys(), "every session is in both session tables")
    promise(
        len(set(shop.user_session_channel)) == len(set(shop.session_timestamp)) == len(owner),
        "no session id has two different rows",
    )
    promise({s for s, _, _ in shop.session_transaction} <= owner.keys(), "no lost transactions")
    promise(len(owner) == SESSIONS, f"{SESSIONS} sessions")
    promise(
        all(FIRST_DAY <= ts.date() <= LAST_DAY for ts in start.values()),
        "every session lies between the first day and the last one",
    )

    seen = {
        (channel.strip().casefold(), start[sid].year, start[sid].month)
        for sid, (_, channel) in owner.items()
        if channel
    }
    months = {(start[sid].year, start[sid].month) for sid in start}
    holes = {(c, *m) for c in TRAFFIC for m in months if (c.casefold(), *m) not in seen}
    promise(holes == {(QUIET_CHANNEL, *QUIET_MONTH)}, "one listed channel is quiet, in one month")
    promise(UNUSED_CHANNEL.casefold() not in {c for c, _, _ in seen}, "nobody used Newsletter")

    ties = Counter((user, start[sid]) for sid, (user, _) in owner.items())
    promise(
        Counter(user for (user, _), n in ties.items() if n > 1) == {2: 2, 3: 1},
        "only users 2 and 3 have sessions that start together",
    )

    gross = Counter()
    for sid, _, amount in shop.session_transaction:
        gross[owner[sid][0]] += amount or 0
    top = sorted(gross.items(), key=lambda item: (-item[1], item[0]))[:11]
    ranks = [user for user, _ in top]
    promise({17, 18} <= set(ranks[:10]) and gross[17] == gross[18], "users 17 and 18 tie on top")
    promise(len({amount for _, amount in top}) == 10, "no other tie in the top ten or at its end")


# ---- Files ---------------------------------------------------------------------------------------


def cell(value) -> str:
    """One CSV field; an empty one is null."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            to_the = "microseconds" if value.microsecond % 1000 else "milliseconds"
            return value.isoformat(sep=" ", timespec=to_the)
        case str() if value != value.strip():
            return f'"{value}"'  # blanks around a value survive editors that trim lines
        case _:
            return str(value)


def csv_file(header: str, rows: list[tuple]) -> bytes:
    lines = [header, *(",".join(map(cell, row)) for row in rows)]
    return ("\n".join(lines) + "\n").encode("ascii")


def demo_files() -> dict[str, bytes]:
    shop = Shop()
    for special_case in SPECIAL_CASES:
        special_case(shop)
    everyday_traffic(shop, Dice(SEED), SESSIONS - len(set(shop.session_timestamp)))
    check_promises(shop)

    # In order of time; what starts together stays in the order in which it was made.
    start = dict(shop.session_timestamp)
    channels = sorted([*TRAFFIC, UNUSED_CHANNEL])
    return {
        "demo_user_session_channel.csv": csv_file(
            "userid,sessionid,channel",
            sorted(shop.user_session_channel, key=lambda row: start[row[1]]),
        ),
        "demo_session_timestamp.csv": csv_file(
            "sessionid,ts",
            sorted(shop.session_timestamp, key=lambda row: row[1]),
        ),
        "demo_session_transaction.csv": csv_file(
            "sessionid,refunded,amount",
            sorted(shop.session_transaction, key=lambda row: start[row[0]]),
        ),
        "demo_channel.csv": csv_file("channelname", [(channel,) for channel in channels]),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the demo data of elt_summary.")
    parser.add_argument("--check", action="store_true", help="compare only, exit 1 on a difference")
    check = parser.parse_args().check

    stale = []
    for name, content in demo_files().items():
        path = HERE / name
        if not check:
            path.write_bytes(content)
        elif not path.is_file():
            stale.append(f"{name} is missing")
        elif path.read_bytes() != content:
            stale.append(f"{name} differs from what the script makes")
        rows = content.count(b"\n") - 1
        print(f"{name:<32}{rows:>6} rows {len(content):>8} bytes")

    if stale:
        print(*stale, sep="\n", file=sys.stderr)
        print("To put it right: python seeds/make_demo_seeds.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
