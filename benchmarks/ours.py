"""This project: full builds, days, months, late rows. Each run is checked to have done its work."""

import shutil
from contextlib import contextmanager
from datetime import date

from benchmarks.measure import measure_dbt
from benchmarks.place import BenchmarkError
from benchmarks.raw_data import END_DAY, LAST_DAY

MONTH = (date(2022, 7, 1), date(2022, 8, 1))
LATE_DAY = date(2021, 12, 29)  # two years before the last day
LATE_SESSION = "f" * 32  # no MD5 of a number

SESSION_TABLES = ("user_session_channel", "session_timestamp", "session_transaction")


def interval(first, end):
    """dbt's options for the days from first to before end."""
    return ("--event-time-start", str(first), "--event-time-end", str(end))


LAST_DAY_ONLY = interval(LAST_DAY, END_DAY)


class Ours:
    """The marts of this project, from one set of raw tables.

    Args:
        place: Place.
        name: of the schema of the marts.
        raw_schema: name of the schema of the raw tables.

    Attributes:
        place, warehouse, raw: the Place, the Warehouse and the schema of the raw tables.
    """

    def __init__(self, place, name, raw_schema):
        self.place = place
        self.raw = raw_schema
        self.warehouse = place.warehouse(name, raw_schema)
        self._held = place.schema(f"{name}_held")

    @property
    def schema(self):
        """Name of the schema of the marts."""
        return self.warehouse.schema

    def dbt(self, *arguments):
        """Run dbt; returns its Cost."""
        return measure_dbt(self.place, self.warehouse, *arguments)

    def exists(self):
        """Whether the marts have been built."""
        return self.schema in self.place.schemas()

    def forget_parsed(self):
        """Remove what dbt remembers of the project's files, as in a new checkout."""
        shutil.rmtree(self.warehouse.environment["DBT_TARGET_PATH"], ignore_errors=True)

    def full_build(self, command="run"):
        """Build everything in an empty schema; returns the Cost.

        Args:
            command: "run" for the models alone, "build" to test them, too.
        """
        self.place.drop(self.schema)
        cost = self.dbt(command)
        self.check("fct_sessions", "count(*)", "started_at is not null", "session_timestamp")
        return cost

    def new_day(self, *arguments):
        """Take the last day out of raw and marts, put it back into raw, and run.

        Args:
            arguments: command and options of dbt.

        Returns:
            Cost of the last run: that of a day whose rows have just arrived.
        """
        self.take_out_last_day()
        self.dbt("run", *LAST_DAY_ONLY)
        self.check_last_day(empty=True)
        self.put_back_last_day()
        cost = self.dbt(*arguments)
        self.check_last_day()
        return cost

    def month_backfill(self):
        """Backfill a month in the middle; returns the Cost."""
        cost = self.dbt("run", *interval(*MONTH))
        self.check_month()
        return cost

    @contextmanager
    def changed_month(self):
        """For as long as the context lasts, the month's refunds are others in raw. Afterwards raw
        and marts are as before."""
        self.flip_refunds(MONTH)
        yield
        self.flip_refunds(MONTH)
        self.month_backfill()

    def nothing_changed(self):
        """A plain run; returns the Cost."""
        return self.dbt("run")

    def late_row(self):
        """A plain run after one session two years back was added; returns the Cost. Afterwards raw
        and marts are as before."""
        self.place.execute(
            f"insert into {self.raw}.user_session_channel values (1, '{LATE_SESSION}', 'Google')",
            f"insert into {self.raw}.session_timestamp"
            f" values ('{LATE_SESSION}', timestamp '{LATE_DAY} 12:00:00')",
        )
        cost = self.dbt("run")
        self._check_late_session(1)
        self.place.execute(
            *(
                f"delete from {self.raw}.{table} where sessionid = '{LATE_SESSION}'"
                for table in SESSION_TABLES
            )
        )
        self.dbt("run")
        self._check_late_session(0)
        return cost

    # --- changes of the raw tables ---------------------------------------------------------------

    def take_out_last_day(self):
        """Move the rows of the last day's sessions from the raw tables to a schema of their own."""
        held = self._held
        day = f"(select sessionid from {held}.session_timestamp)"
        statements = [
            f"create schema {held}",
            f"create table {held}.session_timestamp as select * from {self.raw}.session_timestamp"
            f" where ts >= timestamp '{LAST_DAY}' and ts < timestamp '{END_DAY}'",
        ]
        if self.place.engine == "postgres":
            statements.append(f"analyze {held}.session_timestamp")
        for table in SESSION_TABLES:
            if table != "session_timestamp":
                statements.append(
                    f"create table {held}.{table} as select * from {self.raw}.{table}"
                    f" where sessionid in {day}"
                )
            statements.append(f"delete from {self.raw}.{table} where sessionid in {day}")
        self.place.execute(*statements)

    def put_back_last_day(self):
        """Undo take_out_last_day()."""
        self.place.execute(
            *(
                f"insert into {self.raw}.{table} select * from {self._held}.{table}"
                for table in SESSION_TABLES
            ),
            f"drop schema {self._held} cascade",
        )

    def flip_refunds(self, days):
        """Turn refunds of a sixteenth of the transactions of some days; twice is not at all.

        Args:
            days: first day, and first day after them.
        """
        first, end = days
        self.place.execute(
            f"update {self.raw}.session_transaction set refunded = not refunded"
            f" where refunded is not null and sessionid in (select sessionid"
            f" from {self.raw}.session_timestamp where ts >= timestamp '{first}'"
            f" and ts < timestamp '{end}' and substr(sessionid, 32) = '0')"
        )

    # --- did it do its work? ---------------------------------------------------------------------

    def check(self, mart, value, condition, raw_table, raw_value=None, raw_condition="true"):
        """Stop unless an aggregate of a mart equals that of a raw table.

        Raises:
            BenchmarkError: what is not equal.
        """
        found = self.place.one(f"select {value} from {self.schema}.{mart} where {condition}")
        expected = self.place.one(
            f"select {raw_value or value} from {self.raw}.{raw_table} where {raw_condition}"
        )
        if found != expected:
            raise BenchmarkError(
                f"{mart} is not what the raw tables say: {value} where {condition} is {found},"
                f" raw has {expected}"
            )

    def check_last_day(self, empty=False):
        """Stop unless the marts have as many sessions on the last day as raw has: some, or none."""
        self.check(
            "fct_sessions",
            "count(*)",
            f"session_date = date '{LAST_DAY}'",
            "session_timestamp",
            raw_condition=f"ts >= timestamp '{LAST_DAY}'",
        )
        sessions = self.place.one(
            f"select count(*) from {self.raw}.session_timestamp where ts >= timestamp '{LAST_DAY}'"
        )
        if empty != (sessions == 0):
            raise BenchmarkError(f"raw has {sessions} sessions on {LAST_DAY}")

    def check_month(self):
        """Stop unless the net revenue of the backfilled month is what raw has."""
        first, end = MONTH
        self.check(
            "monthly_channel_conversion",
            "sum(net_revenue)",
            f"session_month = date '{first}'",
            "session_transaction as st",
            "coalesce(sum(case when refunded is not true then amount end), 0)",
            f"exists (select 1 from {self.raw}.session_timestamp as t"
            f" where t.sessionid = st.sessionid and t.ts >= timestamp '{first}'"
            f" and t.ts < timestamp '{end}')",
        )

    def _check_late_session(self, expected):
        found = self.place.one(
            f"select count(*) from {self.schema}.fct_sessions where session_id = '{LATE_SESSION}'"
        )
        if found != expected:
            raise BenchmarkError(f"fct_sessions has the late session {found} times, not {expected}")
