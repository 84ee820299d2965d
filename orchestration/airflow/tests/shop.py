"""A small shop whose files are delivered day by day, and what the marts must hold of them."""

import csv
from datetime import date, datetime, timedelta
from pathlib import Path

from raw import COLUMNS, RawTables, assert_marts_equal, read_marts
from start import HERE

LOAD_PYTHON = HERE.parent / "load/.venv/bin/python"
LOADER = HERE.parent / "load/load_files.py"
FIRST_DAY = date(2019, 7, 1)


class Shop:
    """Sessions and payments of some days from FIRST_DAY on.

    Args:
        days: how many.

    Attributes:
        payments: pairs (refunded, amount), by session.
    """

    def __init__(self, days):
        self.days = [FIRST_DAY + timedelta(days=number) for number in range(days)]
        self._sessions = {}
        self.payments = {}
        for number, day in enumerate(self.days):
            for user in range(1, 5):
                session = f"s{number}u{user}"
                midnight = datetime.combine(day, datetime.min.time())
                at = midnight + timedelta(hours=user, minutes=number)
                channel = ["Google", "Naver", "Facebook"][(number + user) % 3]
                self._sessions[session] = (user, channel, at)
                self.payments[session] = [(False, 10 * user + number)] if user != 4 else []

    def flip_refunds(self, day):
        """Payments of the day that were refunded no longer are, and the other way round."""
        for session, (_, _, at) in self._sessions.items():
            if at.date() == day:
                self.payments[session] = [
                    (not refunded, amount) for refunded, amount in self.payments[session]
                ]

    def raw(self, days=None):
        """RawTables of all days, or of some."""
        tables = RawTables(channel=[("Google",), ("Naver",), ("Facebook",)])
        for session, (user, channel, at) in self._sessions.items():
            if days is None or at.date() in days:
                tables.add_session(session, user, channel, at, *self.payments[session])
        return tables

    def deliver(self, folder):
        """Write the files of every day, as they are now; returns the source for the loader."""
        for day in self.days:
            write_files(Path(folder) / day.isoformat(), self.raw([day]).rows)
        return f"{folder}/{{day}}"


def write_files(folder, rows):
    """Write a CSV file for each raw table.

    Args:
        folder: made if it is not there.
        rows: list of tuples by table name, columns as in raw.COLUMNS.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for table, columns in COLUMNS.items():
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows[table])


def settings(warehouse, source, days):
    """Environment variables that point the DAGs at a warehouse and a shop.

    Args:
        warehouse: Warehouse.
        source: from Shop.deliver.
        days: the first and the last day to run.
    """
    return warehouse.environment | {
        "ELT_SUMMARY_TARGET": warehouse.engine,
        "ELT_SUMMARY_RAW_SCHEMA": warehouse.raw_schema,
        "ELT_SUMMARY_SOURCE": source,
        "ELT_SUMMARY_START_DATE": days[0].isoformat(),
        "ELT_SUMMARY_END_DATE": days[-1].isoformat(),
        "ELT_SUMMARY_RETRY_SECONDS": "2",
    }


def assert_equal_to_a_full_build(warehouse, shop):
    """The marts are what the oracle says, and what dbt makes of raw in an empty schema; and no day
    is left over."""
    schema = warehouse.schema
    assert warehouse.query(f"select 1 from {schema}.rebuild_days where not is_finished") == []
    assert warehouse.query(f"select 1 from {schema}.rebuild_scope") == []
    assert_marts_equal(warehouse, shop.raw().marts())
    full = f"{schema}_full"
    warehouse.dbt("run", vars={"demo_data": False}, extra_env={"DBT_SCHEMA": full})
    assert_marts_equal(warehouse, read_marts(warehouse, full))
