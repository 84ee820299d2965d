"""The commands of docs/retention.md, as they stand there, on both engines."""

import random
import re
from datetime import datetime

import pytest
from raw import RawTables, assert_marts_equal, create_raw_tables, read_marts
from test_crash import new_source
from typed import Typed
from warehouse import PROJECT_ROOT, Warehouse

PAGE = (PROJECT_ROOT / "docs" / "retention.md").read_text()
BLOCKS = re.findall(r"^```(sql|sh)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
FIRST_DAY_LEFT = datetime(2019, 7, 15)


class Reader:
    """Does what the page says, in the schemas of a warehouse and with the days of its data.

    Args:
        warehouse: Warehouse.
        monkeypatch: pytest's.
    """

    def __init__(self, warehouse, monkeypatch):
        self.warehouse = warehouse
        self.archive = f"{warehouse.raw_schema}_archive"
        self.all = f"{warehouse.raw_schema}_all"
        self.kept = f"{warehouse.schema}_2019"
        self._type = Typed(warehouse, monkeypatch)
        create_raw_tables(warehouse)

    def fill(self):
        """Make raw tables and marts with rows on both sides of the first day left; their Source."""
        source = new_source(random.Random(2))
        # Somebody with nothing but an old session.
        source.insert("old", 1001, "Google", datetime(2019, 7, 1), [(False, 5)])
        for schema in (self.archive, self.all):
            self.warehouse.execute(f"drop schema if exists {schema} cascade")
        RawTables(**source.rows()).write(self.warehouse)
        self.do("dbt build --vars '{demo_data: false}'")
        return source

    def do(self, *beginnings):
        """Do the commands that begin so, in this order; returns what the last one said."""
        said = None
        for beginning in beginnings:
            found = [(kind, text) for kind, text in BLOCKS if text.startswith(beginning)]
            assert found, f"docs/retention.md no longer has: {beginning}"
            # Of two that begin alike the shorter one was meant.
            kind, text = min(found, key=lambda block: len(block[1]))
            said = self._sql(text) if kind == "sql" else self._shell(text.strip())
        return said

    def _sql(self, text):
        self.warehouse.execute(self._own(text))

    def _shell(self, line):
        # What dbt tests is tested elsewhere.
        return self._type(self._own(line).replace("dbt build", "dbt run"))

    def _own(self, text):
        text = text.replace("2019-07-01", f"{FIRST_DAY_LEFT:%Y-%m-%d}")
        names = {
            "raw_data": self.warehouse.raw_schema,
            "archive": self.archive,
            "raw_all": self.all,
            "reporting_2019": self.kept,
        }
        return re.sub(r"\b(raw_data|archive|raw_all|reporting_2019)\b", lambda m: names[m[1]], text)

    def move_days(self):
        """Archive the days, in one transaction."""
        begin = {"postgres": "-- PostgreSQL\n", "duckdb": "-- DuckDB\n"}[self.warehouse.engine]
        self.do("create schema if not exists archive;")
        texts = [text for _, text in BLOCKS]
        lines = [
            next(text for text in texts if text.startswith(start))
            for start in (begin, "create table archive.leaving")
        ]
        self._sql("".join(lines))


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def reader(request, tmp_path_factory):
    """A Reader on each engine."""
    engine = request.param
    server = request.getfixturevalue("postgres_environment") if engine == "postgres" else None
    warehouse = Warehouse(engine, tmp_path_factory.mktemp(engine), server)
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Reader(warehouse, monkeypatch)
    warehouse.drop()


def left(source):
    """A Source with the sessions that are left."""
    rows = source.rows()
    gone = {session for session, ts in rows["session_timestamp"] if ts < FIRST_DAY_LEFT}
    rows["session_timestamp"] = [r for r in rows["session_timestamp"] if r[0] not in gone]
    rows["user_session_channel"] = [r for r in rows["user_session_channel"] if r[1] not in gone]
    rows["session_transaction"] = [r for r in rows["session_transaction"] if r[0] not in gone]
    return RawTables(**rows)


@pytest.mark.parametrize(
    "run",
    [
        "dbt build --vars '{demo_data: false}'\n",
        "dbt build --vars '{demo_data: false}' --event-time-start",
    ],
    ids=["plain", "interval"],
)
def test_archive_then_delete(reader, run):
    """Guards against: a page whose commands lose a row, or leave a deleted day in a mart, or that
    says something else than what happens."""
    source = reader.fill()
    warehouse = reader.warehouse
    before = read_marts(warehouse)
    reader.move_days()
    rows = {}
    for table in ("session_timestamp", "user_session_channel", "session_transaction"):
        for schema in (reader.archive, warehouse.raw_schema):
            rows[schema, table] = warehouse.query(f"select * from {schema}.{table}")
        both = rows[reader.archive, table] + rows[warehouse.raw_schema, table]
        assert len(both) == len(source.rows()[table])
        assert rows[reader.archive, table] and rows[warehouse.raw_schema, table]
    assert all(row[1] < FIRST_DAY_LEFT for row in rows[reader.archive, "session_timestamp"])

    reader.do(run)
    assert_marts_equal(warehouse, left(source).marts())
    after = read_marts(warehouse)
    touches = {row[0]: row for row in after["user_first_last_touch"]}
    moved = [row for row in before["user_first_last_touch"] if touches.get(row[0], row) != row]
    assert moved, "the first touch moves"
    assert 1001 not in touches
    assert 1001 not in {row[0] for row in after["user_revenue"]}
    assert sum(row[1] for row in after["user_revenue"]) < sum(
        row[1] for row in before["user_revenue"]
    )


def test_history_in_a_copy(reader):
    """Guards against: a copy of the marts that changes when raw is emptied."""
    source = reader.fill()
    reader.do("dbt run-operation publish")
    before = read_marts(reader.warehouse)
    reader.move_days()
    reader.do("dbt build --vars '{demo_data: false}'\n")
    assert read_marts(reader.warehouse, reader.kept) == before
    assert_marts_equal(reader.warehouse, left(source).marts())


def test_history_in_views(reader):
    """Guards against: marts that change because days were moved to the archive, or that no longer
    follow raw because the raw tables are views."""
    source = reader.fill()
    warehouse = reader.warehouse
    reader.move_days()
    reader.do("create schema if not exists raw_all;", "dbt build --vars '{demo_data: false, raw_")
    assert warehouse.query(f"select * from {warehouse.schema}.rebuild_days") == []
    assert_marts_equal(warehouse, RawTables(**source.rows()).marts())
    # A late refund of an archived session.
    table = f"{warehouse.raw_schema}.session_transaction"
    warehouse.execute(f"insert into {table} values ('old', true, 7)")
    source.pay("old", True, 7)
    reader.do("dbt build --vars '{demo_data: false, raw_")
    assert_marts_equal(warehouse, RawTables(**source.rows()).marts())


def test_unused_tables_are_listed_and_stay(reader):
    """Guards against: a table in use that is called unused, one that is not found, and one that is
    dropped without being asked."""
    reader.fill()
    schema = reader.warehouse.schema
    assert "0 tables and views" in reader.do("dbt run-operation list_unused_tables")
    reader.warehouse.execute(
        f"create table {schema}.old_mart (a integer);"
        f' create view {schema}."Old View" as select 1 as a'
    )
    said = reader.do("dbt run-operation list_unused_tables")
    assert "2 tables and views" in said
    statements = re.findall(r"drop (?:table|view) [^;]*;", said)
    assert len(statements) == 2
    assert reader.warehouse.query(f'select * from {schema}.old_mart, {schema}."Old View"') == []
    for statement in statements:
        reader.warehouse.execute(statement)
    assert "0 tables and views" in reader.do("dbt run-operation list_unused_tables")


def test_every_command_of_the_page_is_known(reader):
    """Guards against: a command on the page that no test here runs."""
    beginnings = (
        "create schema if not exists archive;",
        "-- PostgreSQL\n",
        "-- DuckDB\n",
        "create table archive.leaving",
        "dbt build --vars '{demo_data: false}'\n",
        "dbt build --vars '{demo_data: false}' --event-time-start",
        "dbt run-operation publish",
        "create schema if not exists raw_all;",
        "dbt build --vars '{demo_data: false, raw_schema: raw_all}'",
        "dbt run-operation list_unused_tables",
    )
    assert [text for _, text in BLOCKS if not text.startswith(beginnings)] == []
    assert len(BLOCKS) == len(beginnings)
