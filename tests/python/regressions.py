"""Histories worth keeping, by what must not go wrong: (with load times, history)."""

from datetime import datetime

JULY_1 = datetime(2019, 7, 1)
JULY_2 = datetime(2019, 7, 2, 9)
JULY_3 = datetime(2019, 7, 3, 18)
AUGUST_1 = datetime(2019, 8, 1)
DECEMBER_31 = datetime(2019, 12, 31, 23, 59, 59)


def insert(session, user, ts, *payments, channel="Google"):
    return ("insert", session, user, channel, ts, list(payments))


REGRESSIONS = {
    "a day is emptied": (
        False,
        [insert("s0", 1, JULY_1), insert("s1", 1, JULY_2), ("run",), ("delete", "s1"), ("run",)],
    ),
    "a user loses the last session": (
        False,
        [insert("s0", 1, JULY_1, (False, 5)), insert("s1", 2, JULY_1, (False, 7)), ("run",)]
        + [("delete", "s0"), ("run",)],
    ),
    "a user appears": (
        False,
        [insert("s0", 1, JULY_1), ("run",), insert("s1", 2, JULY_1, (False, 7)), ("run",)],
    ),
    "a session moves into an interval": (
        False,
        [insert("s0", 1, AUGUST_1, (False, 10)), ("run",), ("move", "s0", JULY_1)]
        + [("run_interval", JULY_1, AUGUST_1)],
    ),
    "a session moves into an interval and to another user": (
        False,
        [insert("s0", 1, AUGUST_1, (False, 10)), insert("s1", 1, DECEMBER_31), ("run",)]
        + [("move", "s0", JULY_1), ("edit", "s0", 2, None), ("run_interval", JULY_1, AUGUST_1)],
    ),
    "a month changes": (
        False,
        [insert("s0", 1, JULY_1), insert("s1", 2, AUGUST_1), ("run",)]
        + [("pay", "s0", False, 10), ("run",)],
    ),
    "a channel is listed that nobody used": (
        False,
        [insert("s0", 1, JULY_1), ("run",), ("list_channel", "Newsletter"), ("run",)],
    ),
    "a channel is listed no more": (
        False,
        [insert("s0", 1, JULY_1), ("run",), ("unlist_channel", "Naver"), ("run",)],
    ),
    "the last month goes, and the empty months before it": (
        False,
        [insert("s0", 1, JULY_1), insert("s1", 1, DECEMBER_31), ("run",), ("delete", "s1")]
        + [("run",)],
    ),
    "only the channel changes": (
        False,
        [insert("s0", 1, JULY_1), ("run",), ("edit", "s0", 1, " Naver "), ("run",)],
    ),
    "only the hour changes": (
        False,
        [insert("s0", 1, JULY_1), ("run",), ("move", "s0", datetime(2019, 7, 1, 8)), ("run",)],
    ),
    "only the amount changes": (
        False,
        [insert("s0", 1, JULY_1, (False, 5)), ("run",), ("change_payments", "s0", False, 7)]
        + [("run",)],
    ),
    "more than a thousand records, and a channel changes": (
        False,
        [insert("s0", 1, JULY_2), ("run",), ("edit", "s0", 1, "Naver")]
        + [("add_time", f"t{number}", JULY_1) for number in range(1002)]
        + [("run",), ("edit", "s0", 1, "Google"), ("run",)],
    ),
    "listed by a run that got no further, then another interval": (
        False,
        [insert("s0", 1, JULY_1), insert("s1", 1, DECEMBER_31), ("run",), ("edit", "s0", 2, None)]
        + [("run_part", "--select rebuild_days --event-time-start 2019-07-01"
            " --event-time-end 2019-07-03")]
        + [("run_interval", DECEMBER_31, datetime(2020, 1, 1))],
    ),
    "the marts behind were left out": (
        False,
        [insert("s0", 1, JULY_1, (False, 5)), ("run",), ("edit", "s0", 2, None)]
        + [("run_part", "--select +fct_sessions"), ("run",)],
    ),
    "an interval ends within a day": (
        False,
        [insert("s0", 1, JULY_3), ("run",), ("edit", "s0", 2, None)]
        + [("run_interval", JULY_1, datetime(2019, 7, 3, 12))],
    ),
    "fct_sessions alone is rebuilt in full": (
        False,
        [insert("s0", 1, JULY_1, (False, 5)), ("run",), ("edit", "s0", 2, None)]
        + [("run_part", "--select fct_sessions --full-refresh"), ("run",)],
    ),
    "fct_sessions is dropped, and a user goes meanwhile": (
        False,
        [insert("s0", 1, JULY_1, (False, 5)), insert("s1", 2, AUGUST_1, (False, 7)), ("run",)]
        + [("delete", "s1"), ("drop", "fct_sessions"), ("run",)],
    ),
    "fct_sessions is dropped, and a user comes meanwhile": (
        False,
        [insert("s0", 1, JULY_1, (False, 5)), ("run",), insert("s1", 2, AUGUST_1, (False, 7))]
        + [("drop", "fct_sessions"), ("run",)],
    ),
    "a second user, and a time of no user, in a first build": (
        False,
        [insert("s0", 1, JULY_1), insert("s1", 1, JULY_2), ("add_user", "s0", 2, "Google")]
        + [("add_time", "s2", JULY_2), ("run",)],
    ),
    "a session twice in both tables, in a first build": (
        False,
        [insert("s0", 1, JULY_1), ("add_user", "s0", 2, "Google"), ("add_time", "s0", JULY_1)]
        + [("run",)],
    ),
    "half a session": (
        False,
        [insert("s0", 1, JULY_1), ("add_time", "s1", JULY_2), ("run",)],
    ),
    "a second user, in an interval": (
        False,
        [insert("s0", 1, JULY_1), insert("s1", 1, JULY_2), ("run",), ("add_user", "s0", 2, "Google")]
        + [("run_interval", JULY_1, JULY_2)],
    ),
    "a second user of a session with a quote in its name, in an interval": (
        False,
        [insert("s'0", 1, JULY_1), insert("s1", 1, JULY_2), ("run",)]
        + [("add_user", "s'0", 2, "Google"), ("run_interval", JULY_1, JULY_2)],
    ),
    "more than a thousand records in an interval": (
        False,
        [insert("s0", 1, JULY_2), ("run",)]
        + [("add_time", f"t{number}", JULY_1) for number in range(1002)]
        + [("run_interval", JULY_1, JULY_2)],
    ),
    "a second time, in an interval": (
        False,
        [insert("s0", 1, JULY_1, (False, 5)), ("run",), ("add_time", "s0", AUGUST_1)]
        + [("run_interval", JULY_1, JULY_2), ("keep_one_row", "s0")]
        + [("run_interval", JULY_1, JULY_2)],
    ),
    "an unusable row beside a used session, in an interval": (
        False,
        [insert("s0", 1, JULY_1), insert("s1", 1, JULY_2), insert("s2", 2, JULY_3), ("run",)]
        + [("add_user", "s0", None, "Google"), ("add_time", "s1", datetime(1850, 1, 1))]
        + [("pay", "s2", False, 10**13), ("run_interval", JULY_1, AUGUST_1)],
    ),
    "a session comes to a payment of no session, in an interval": (
        False,
        [insert("s0", 1, AUGUST_1), ("pay", "s1", False, 5), ("add_time", "s2", AUGUST_1), ("run",)]
        + [insert("s1", 1, JULY_1), ("move", "s2", JULY_1), ("add_user", "s2", 2, None)]
        + [("run_interval", JULY_1, JULY_2)],
    ),
    "a rejected row is of no day any more": (
        False,
        [insert("s0", 1, JULY_1), ("add_user", "s1", 1, None), ("add_time", "s1", JULY_2)]
        + [("add_time", "s1", AUGUST_1), ("run",), ("lose_time", "s1")]
        + [("run_interval", JULY_1, JULY_3)],
    ),
    "half a session is loaded": (
        True,
        [insert("s0", 1, JULY_1), ("run_loaded",), ("wait",), ("add_user", "s1", 1, None)]
        + [("run_loaded",)],
    ),
    "a payment of no session, and nothing else": (
        False,
        [insert("s0", 1, JULY_1), ("run",), ("pay", None, False, 5), ("run",)],
    ),
    "an unusable user of a session, and nothing else": (
        False,
        [insert("s0", 1, JULY_1), ("run",), ("add_user", "s0", None, "Google"), ("run",)],
    ),
    "an unusable time of a session, and nothing else": (
        False,
        [insert("s0", 1, JULY_1), ("run",), ("add_time", "s0", datetime(1850, 1, 1)), ("run",)],
    ),
    "a payment of no session is loaded": (
        True,
        [insert("s0", 1, JULY_1), ("run_loaded",), ("wait",), ("pay", None, False, 5)]
        + [("run_loaded",)],
    ),
    "a row is loaded at the instant at which the last run stopped": (
        True,
        [insert("s0", 1, JULY_1), ("run_loaded",), insert("s1", 1, JULY_2), ("run_loaded",)],
    ),
    "a channel is spelled anew": (
        True,
        [insert("s0", 1, JULY_1), ("wait",), insert("s1", 2, AUGUST_1), ("run_loaded",), ("wait",)]
        + [("list_channel", "GOOGLE"), ("run_loaded",)],
    ),
    "an interval run does not count as having read the rest": (
        True,
        [insert("s0", 1, AUGUST_1), ("run_loaded",), ("wait",), insert("s1", 1, DECEMBER_31)]
        + [("wait",), insert("s2", 1, JULY_1), ("run_interval", JULY_1, AUGUST_1)]
        + [("run_loaded",)],
    ),
}
