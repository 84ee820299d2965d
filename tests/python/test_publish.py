"""Publishing: readers have the marts of one build that passed, whole, or those of the one before.

dbt run-operation publish copies the marts to a schema for readers; docs/publishing.md.
"""

import os
import random
import re
import signal
import subprocess
import threading
import time
import uuid

import oracle
import psycopg2
import pytest
from project_copy import copy_project, replace
from raw import read_marts
from replay import create_raw, expected_marts, write
from test_crash import VARIABLES, change, new_source
from typed import Refused, Typed
from warehouse import PROJECT_ROOT, Warehouse

RUN = "dbt run"


class Publisher:
    """A warehouse with raw tables, and a schema for readers.

    Args:
        warehouse: Warehouse.
        monkeypatch: pytest's.

    Attributes:
        schema: name of the schema for readers.
        type: function that runs a line; see Typed.
    """

    def __init__(self, warehouse, monkeypatch):
        self.warehouse = warehouse
        self.schema = f"{warehouse.schema}_readers"
        self.type = Typed(warehouse, monkeypatch)
        self.dice = random.Random(1)
        self.source = new_source(self.dice)
        create_raw(warehouse)
        write(self.source, warehouse)

    def change(self):
        """Change the raw tables."""
        change(self.source, self.dice)
        write(self.source, self.warehouse)

    def publish(self, schema=None):
        """Publish; returns what dbt said."""
        return self.type(f"dbt run-operation publish --args '{{schema: {schema or self.schema}}}'")

    def refuses(self, schema=None):
        """Publish, expecting a refusal that leaves everything as it was; returns it."""
        before = self.everything()
        with pytest.raises(Refused) as refusal:
            self.publish(schema)
        assert self.everything() == before
        assert "Nothing was published" in str(refusal.value)
        return str(refusal.value)

    def everything(self):
        """The warehouse's schemas, its tables, and the number of rows of each."""
        unique = self.warehouse.schema.split("_")[1]
        schemas = self.warehouse.query(
            "select schema_name from information_schema.schemata"
            f" where schema_name like '%{unique}%'"
        )
        tables = self.warehouse.query(
            "select table_schema, table_name from information_schema.tables"
            f" where table_schema like '%{unique}%' and table_type = 'BASE TABLE'"
        )
        counts = " union all ".join(f"select count(*) from {'.'.join(table)}" for table in tables)
        return sorted(schemas), sorted(tables), sorted(self.warehouse.query(counts))

    def published(self):
        """The marts that readers have."""
        return read_marts(self.warehouse, self.schema)

    def expected(self):
        """What the marts must be."""
        return {
            mart: sorted(rows, key=repr) for mart, rows in expected_marts(self.source).items()
        }


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def shared_publisher(request, tmp_path_factory):
    """A Publisher on each engine, for all tests: parsing the project costs more than most."""
    engine = request.param
    server = request.getfixturevalue("postgres_environment") if engine == "postgres" else None
    warehouse = Warehouse(engine, tmp_path_factory.mktemp(engine), server)
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Publisher(warehouse, monkeypatch)
    warehouse.drop()


@pytest.fixture
def publisher(shared_publisher, request):
    """A Publisher whose marts are built and published, to a schema of the test's own."""
    shared_publisher.schema = f"{shared_publisher.warehouse.schema}_{uuid.uuid4().hex[:8]}"
    shared_publisher.type(RUN)
    shared_publisher.publish()
    return shared_publisher


ON_POSTGRES = pytest.mark.parametrize("shared_publisher", ["postgres"], indirect=True)


def test_readers_have_what_was_built(publisher):
    """Guards against: rows lost, doubled or left behind by the copy, the first one and those after
    it; tables that readers have with other types, or without keys."""
    assert publisher.published() == publisher.expected()
    for _ in range(2):
        publisher.change()
        publisher.type(RUN)
        publisher.publish()
        assert publisher.published() == publisher.expected()
    for mart in oracle.KEYS:
        table = f"{publisher.schema}.{mart}"
        assert columns_of(publisher, publisher.schema, mart) == columns_of(
            publisher, publisher.warehouse.schema, mart
        )
        with pytest.raises(Exception, match="(?i)duplicate key"):
            publisher.warehouse.execute(f"insert into {table} select * from {table} limit 1")


def columns_of(publisher, schema, mart):
    """Name, type and nullability of a table's columns."""
    return publisher.warehouse.query(
        "select column_name, data_type, numeric_scale, is_nullable from information_schema.columns"
        f" where table_schema = '{schema}' and table_name = '{mart}' order by ordinal_position"
    )


@ON_POSTGRES
def test_only_what_changed_is_written(publisher):
    """Guards against: every row written anew by every publication."""

    def versions():
        """The transaction that wrote each published session."""
        return dict(
            publisher.warehouse.query(
                f"select session_id, xmin::text from {publisher.schema}.fct_sessions"
            )
        )

    before = versions()
    publisher.publish()
    assert versions() == before
    session = sorted(before)[0]
    publisher.source.pay(session, False, 1)
    write(publisher.source, publisher.warehouse)
    publisher.type(RUN)
    publisher.publish()
    after = versions()
    assert {name for name in after if after[name] != before[name]} == {session}


def test_refusals(publisher):
    """Guards against: publishing over raw tables or marts, into a schema with an odd name, half a
    build, or tables that do not exist."""
    warehouse = publisher.warehouse
    marts, raw = warehouse.schema, warehouse.raw_schema
    assert f"dbt builds in schema '{marts}'" in publisher.refuses(marts)
    assert f"raw tables are in schema '{raw}'" in publisher.refuses(raw)
    for name in ("Readers", "1st", '"a; drop"', "pg_readers", "x" * 64):
        assert "is no usable schema name" in publisher.refuses(name)
    # Schemas of another target, of which this call knows nothing.
    for table in ("rebuild_days", "session_timestamp"):
        other = f"{warehouse.schema}_{table}"
        warehouse.execute(f"create schema {other}; create table {other}.{table} (a integer)")
        assert f"has a table {table}" in publisher.refuses(other)

    publisher.change()
    publisher.type("dbt run --select rebuild_days fct_sessions")
    message = publisher.refuses()
    assert re.search(r"[1-9]\d* days are not finished \(2019-0\d-\d\d to 2019-", message)
    assert "run dbt build, then publish again" in message
    publisher.type(RUN)
    publisher.publish()

    # The days are finished, but what hangs on them is not rebuilt.
    publisher.type("dbt run --full-refresh --select fct_sessions")
    warehouse.execute(f"update {marts}.rebuild_days set is_finished = true")
    assert re.search(r"and [1-9]\d* users and months wait to be rebuilt", publisher.refuses())
    publisher.type(RUN)

    warehouse.execute(f"drop table {marts}.user_revenue")
    assert f"Schema {marts} has no user_revenue. Run dbt build" in publisher.refuses()
    publisher.type(RUN)
    publisher.publish()
    assert publisher.published() == publisher.expected()


def test_changed_columns_are_refused(publisher):
    """Guards against: readers' queries that break, or values in the wrong column, because a mart
    has other columns than before; a view of the readers' own that is written through."""
    marts, readers = publisher.warehouse.schema, publisher.schema
    publisher.warehouse.execute(f"alter table {marts}.user_revenue add column added integer")
    message = publisher.refuses()
    assert "The columns of user_revenue have changed" in message
    assert re.search(r"drop table \S*\.\"?user_revenue\"?\) and publish again", message)
    publisher.warehouse.execute(f"drop table {readers}.user_revenue")
    publisher.publish()
    assert columns_of(publisher, readers, "user_revenue")[-1][0] == "added"

    publisher.warehouse.execute(
        f"drop table {readers}.user_revenue;"
        f" create view {readers}.user_revenue as select * from {marts}.user_revenue"
    )
    message = publisher.refuses()
    assert "user_revenue" in message and "is a view, which publish has not made" in message
    # So that the next test has it without the column.
    publisher.warehouse.execute(f"drop table {marts}.user_revenue cascade")


def test_failed_build_is_not_published(publisher, tmp_path):
    """Guards against: readers who get what a test has just called wrong. The line is the one of
    docs/publishing.md."""
    page = (PROJECT_ROOT / "docs" / "publishing.md").read_text()
    line = "dbt build && dbt run-operation publish --args '{schema: reporting}'"
    assert f"\n{line}\n" in page
    good = publisher.published()
    warehouse = publisher.warehouse
    warehouse.execute(f"update {warehouse.schema}.user_revenue set gross_revenue = 1")
    build = warehouse.dbt_command(
        *("build", "--select", "rebuild_days+", "--exclude-resource-type", "unit_test"),
        vars=VARIABLES,
    )
    publish = warehouse.dbt_command(
        *("run-operation", "publish", "--args", f"{{schema: {publisher.schema}}}"), vars=VARIABLES
    )
    # "$@" is the build up to the word that divides it from the publication.
    script = 'build=() ; while [ "$1" != then ]; do build+=("$1"); shift; done; shift;'
    ended = subprocess.run(
        ["bash", "-c", f'{script} "${{build[@]}}" && "$@"', "bash", *build, "then", *publish],
        cwd=PROJECT_ROOT,
        env=warehouse.child_environment(),
        text=True,
        capture_output=True,
    )
    assert ended.returncode == 1
    assert "user_marts_conserve_sessions_and_money" in ended.stdout
    assert "Published" not in ended.stdout
    assert publisher.published() == good
    # Changed by hand, which no run mends.
    warehouse.execute(f"drop table {warehouse.schema}.user_revenue cascade")


def test_killed_publication_leaves_the_old_marts(publisher, tmp_path):
    """Guards against: readers with half of the new marts after kill -9, and a publication that
    cannot be done again. Also: a model's own word on whether it is published that is not heard."""
    warehouse = publisher.warehouse
    project = copy_project(tmp_path / "project")
    wait = {
        "duckdb": "select count(*) from range(1000000000000)",
        "postgres": "select pg_sleep(600)",
    }[warehouse.engine]
    old = publisher.published()
    publisher.change()
    publisher.type(RUN)

    marts = project / "models" / "marts"
    replace(marts / "top_revenue_users.sql", "meta={", "meta={'published': false, ")
    replace(marts / "month_channel_grid.sql", "'view'", "'view', meta={'published': true}")
    # All is written but not committed.
    before_commit = "    {%- do adapter.commit() -%}\n"
    replace(
        project / "macros" / "publish.sql",
        before_commit,
        f"    {{%- do run_query('{wait}') -%}}\n{before_commit}",
    )
    child = subprocess.Popen(
        warehouse.dbt_command(
            "run-operation",
            "publish",
            "--args",
            f"{{schema: {publisher.schema}}}",
            vars=VARIABLES,
        ),
        cwd=project,
        env=warehouse.child_environment({"DBT_TARGET_PATH": str(tmp_path / "child")}),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        audited = {"rejected_records", "reconciliation"}
        expected = set(old) - {"top_revenue_users"} | {"month_channel_grid"} | audited
        copied = set()
        while len(copied) < len(expected):
            line = child.stdout.readline()
            assert line, "it ended before it could be killed"
            copied.update(re.findall(r'(\w+)"? is copied', line))
        assert copied == expected
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    if warehouse.engine == "postgres":
        end_sleepers(warehouse)
    assert publisher.published() == old
    publisher.publish()
    assert publisher.published() == publisher.expected() != old


def end_sleepers(warehouse):
    """A server notices only at the next word to a client that it is gone: not in its sleep."""
    sleepers = (
        "from pg_stat_activity where query like 'select pg_sleep(600)%'"
        " or query like '/* {%\"app\": \"dbt\"%*/%select pg_sleep(600)%'"
    )
    warehouse.query(f"select pg_terminate_backend(pid) {sleepers}")
    deadline = time.monotonic() + 30
    while warehouse.query(f"select 1 {sleepers} and pid != pg_backend_pid()"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


# One statement, and two in one transaction: the revenue of all sessions, of all users, of all
# months. One build has the same number in all three.
SESSIONS = "select coalesce(sum(gross_revenue), 0) from {0}.fct_sessions"
USERS = "select coalesce(sum(gross_revenue), 0) from {0}.user_revenue"
MONTHS = "select coalesce(sum(gross_revenue), 0) from {0}.monthly_channel_conversion"


class Reader(threading.Thread):
    """Polls the published marts until stopped, never waiting for a lock.

    Attributes:
        seen: revenues that it saw.
        problem: what went wrong, or None.
    """

    def __init__(self, publisher, snapshot):
        super().__init__(daemon=True)
        self.seen = set()
        self.problem = None
        self._snapshot = snapshot
        self._queries = [query.format(publisher.schema) for query in (SESSIONS, USERS, MONTHS)]
        self._connection = publisher.warehouse.connect()
        self._connection.autocommit = not snapshot
        self._connection.cursor().execute("set lock_timeout = '10ms'")
        if snapshot:
            self._connection.commit()
            self._connection.set_session(isolation_level="REPEATABLE READ")
        self._over = threading.Event()

    def run(self):
        """Read until stopped or until something is wrong."""
        try:
            while not self._over.is_set():
                revenues = self._read()
                assert len(set(revenues)) == 1, f"a mix of two builds: {revenues}"
                self.seen.add(revenues[0])
        except (AssertionError, psycopg2.Error) as error:
            self.problem = str(error)

    def _read(self):
        cursor = self._connection.cursor()
        if not self._snapshot:
            cursor.execute(f"select ({'), ('.join(self._queries)})")
            return cursor.fetchone()
        revenues = []
        for query in self._queries:
            cursor.execute(query)
            revenues += cursor.fetchone()
            time.sleep(0.002)
        self._connection.commit()
        return revenues

    def stop(self):
        """Stop and wait."""
        self._over.set()
        self.join()
        self._connection.close()


@ON_POSTGRES
def test_readers_see_one_build_and_never_wait(publisher):
    """Guards against: a dashboard that shows sessions of one build beside users of another, and
    one that hangs or fails while marts are published."""
    readers = [Reader(publisher, snapshot) for snapshot in (False, True)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(4):
            publisher.change()
            publisher.type(RUN)
            publisher.publish()
    finally:
        for reader in readers:
            reader.stop()
    for reader in readers:
        assert reader.problem is None
        assert len(reader.seen) >= 4
    assert publisher.published() == publisher.expected()


@ON_POSTGRES
def test_readers_may_read_what_comes_later(publisher):
    """Guards against: rights in docs/publishing.md that readers lack after the next publication."""
    warehouse = publisher.warehouse
    page = (PROJECT_ROOT / "docs" / "publishing.md").read_text()
    grants = re.search(r"^grant usage.*?;\n(?=```)", page, re.DOTALL | re.MULTILINE)[0]
    role = f"analyst_{uuid.uuid4().hex[:12]}"
    warehouse.execute(f"create role {role}")
    try:
        grants = grants.replace("reporting", publisher.schema).replace("analyst", role)
        warehouse.execute(grants)
        warehouse.execute(f"drop table {publisher.schema}.user_revenue")
        publisher.publish()
        for mart in oracle.KEYS:
            warehouse.query(f"set role {role}; select * from {publisher.schema}.{mart}")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            warehouse.query(f"set role {role}; select * from {warehouse.schema}.fct_sessions")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            warehouse.execute(f"set role {role}; delete from {publisher.schema}.user_revenue")
    finally:
        warehouse.execute(f"drop owned by {role} cascade; drop role {role}")


@ON_POSTGRES
def test_waits_for_a_mart_that_is_being_rebuilt(publisher):
    """Guards against: a publication that reads one mart before and the next after a build."""
    warehouse = publisher.warehouse
    builder = warehouse.connect()
    builder.autocommit = False
    key = f"hashtextextended('{warehouse.schema}.fct_sessions', 0)"
    builder.cursor().execute(f"select pg_advisory_xact_lock_shared({key})")
    publication = threading.Thread(target=publisher.publish)
    publication.start()
    try:
        deadline = time.monotonic() + 60
        while not warehouse.query(
            "select 1 from pg_locks where locktype = 'advisory' and not granted"
        ):
            assert publication.is_alive() and time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        builder.rollback()
        builder.close()
        publication.join()
    assert publisher.published() == publisher.expected()
