"""Raw tables that a test holds in Python, writes to a warehouse, and asks the oracle about."""

import json
from collections import Counter
from datetime import datetime

import oracle

COLUMNS = {
    "user_session_channel": {
        "userid": "integer",
        "sessionid": "varchar(32)",
        "channel": "varchar(32)",
    },
    "session_timestamp": {"sessionid": "varchar(32)", "ts": "timestamp"},
    "session_transaction": {
        "sessionid": "varchar(32)",
        "refunded": "boolean",
        "amount": "integer",
    },
    "channel": {"channelname": "varchar(32)"},
}


def create_raw_tables(warehouse, **changed):
    """Create the raw tables, empty.

    Args:
        warehouse: Warehouse whose raw_schema does not exist yet.
        changed: by table name, other columns as a dict of name to type; None leaves a table out.
    """
    warehouse.execute(f"create schema {warehouse.raw_schema}")
    for table, columns in (COLUMNS | changed).items():
        if columns:
            listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            warehouse.execute(f"create table {warehouse.raw_schema}.{table} ({listed})")


class RawTables:
    """Rows of the raw tables, by table name; change the lists in `rows`, then write().

    Attributes:
        rows: dict of table name to list of tuples, columns as in COLUMNS.
    """

    def __init__(self, **rows):
        self.rows = {table: list(rows.get(table, [])) for table in COLUMNS}

    def add_session(self, session, user, channel, ts, *transactions):
        """Add a session with its transactions, pairs (refunded, amount)."""
        self.rows["user_session_channel"].append((user, session, channel))
        self.rows["session_timestamp"].append((session, ts))
        self.rows["session_transaction"] += [(session, *paid) for paid in transactions]

    def write(self, warehouse):
        """Make the warehouse's raw tables hold these rows, in one transaction."""
        warehouse.replace_rows({
            table: [f"({', '.join(map(literal, row))})" for row in rows]
            for table, rows in self.rows.items()
        })

    def marts(self):
        """What the marts must hold, by the oracle; see oracle.marts."""
        return oracle.marts(**self.rows)

    def rejected(self):
        """What rejected_records must hold; see oracle.rejected."""
        return oracle.rejected(**self.rows)


def read_rejected(warehouse):
    """rejected_records as oracle.rejected gives it: a Counter of its rows, the record a tuple."""
    rows = warehouse.query(
        "select source_table, record_key, reason, record, session_date, row_count"
        f" from {warehouse.schema}.rejected_records"
    )
    return Counter(
        (table, key, reason, tuple(map(parsed, json.loads(record).items())), day, count)
        for table, key, reason, record, day, count in rows
    )


def parsed(item):
    """Value of a column in a record, which is JSON."""
    column, value = item
    if column != "ts" or value is None or "infinity" in value:
        return value
    return datetime.fromisoformat(value)


def literal(value):
    """A value as an SQL literal."""
    if value is None:
        return "null"
    if isinstance(value, (bool, int)):
        return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'"


def read_marts(warehouse, schema=None):
    """Rows of every mart as sorted lists, the columns that the oracle knows.

    Args:
        warehouse: Warehouse.
        schema: another schema than the warehouse's.
    """
    schema = schema or warehouse.schema
    marts = {}
    for mart, columns in oracle.COLUMNS.items():
        rows = warehouse.query(f"select {', '.join(columns.split())} from {schema}.{mart}")
        marts[mart] = sorted(rows, key=repr)
    return marts


def assert_marts_equal(warehouse, expected):
    """Fail unless every mart holds exactly the rows, duplicates counted.

    Args:
        warehouse: Warehouse.
        expected: dict of mart name to rows, as oracle.marts and read_marts give it.
    """
    for mart, rows in read_marts(warehouse).items():
        assert rows == sorted(expected[mart], key=repr), f"{mart} is not what it should be"
