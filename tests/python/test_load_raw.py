"""The loader of raw tables, on both engines. Each test names the failure that it guards against.

What a file may hold is in test_load_files.py.
"""

import datetime
import gzip
import os
import subprocess
import sys
import threading

import load_raw
import pytest
from postgres_server import PostgresServer
from warehouse import PROJECT_ROOT, Warehouse

SCRIPT = PROJECT_ROOT / "scripts" / "load_raw.py"

GOOD = {
    "user_session_channel": 'userid,sessionid,channel\n1,"a",Google\n,b,\n2,"c,""x""",""\n',
    "session_timestamp": "ts,sessionid\n2019-05-02 10:00:00.123,b\n2019-05-01 00:00:00,a\n,c\n",
    "session_transaction": '"sessionid","refunded","amount"\na,FALSE,85\n"b",true,-3\n"",,""\n',
    "channel": "channelname\nGoogle\nNaver\n",
}
GOOD_ROWS = {
    "user_session_channel": [(1, "a", "Google"), (2, 'c,"x"', None), (None, "b", None)],
    "session_timestamp": [
        ("a", datetime.datetime(2019, 5, 1)),
        ("b", datetime.datetime(2019, 5, 2, 10, 0, 0, 123000)),
        ("c", None),
    ],
    "session_transaction": [("a", False, 85), ("b", True, -3), (None, None, None)],
    "channel": [("Google",), ("Naver",)],
}


class Loader:
    """Runs the loader on a warehouse, with files that are good unless a test says otherwise."""

    def __init__(self, warehouse, folder, monkeypatch, capsys):
        self.warehouse = warehouse
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.write(**GOOD)
        for name in list(os.environ):
            if name.startswith("DBT_"):
                monkeypatch.delenv(name)
        self.set(**warehouse.environment)

    def set(self, **variables):
        """Set environment variables."""
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def write(self, ending="csv", **texts):
        """Write files by table name, from text or bytes."""
        self.folder.mkdir(exist_ok=True)
        for table, text in texts.items():
            content = text if isinstance(text, bytes) else text.encode()
            if ending == "csv.gz":
                content = gzip.compress(content)
            (self.folder / f"{table}.{ending}").write_bytes(content)

    def arguments(self, *options):
        """Command line; the last of two equal options counts."""
        defaults = ["--target", self.warehouse.engine, "--schema", self.warehouse.raw_schema]
        return [str(self.folder), *defaults, *options]

    def run(self, *options):
        """Run; returns the exit code, stdout and stderr."""
        code = load_raw.main(self.arguments(*options))
        printed = self._capsys.readouterr()
        return code, printed.out, printed.err

    def loads(self, *options):
        """Run, expecting success; returns stdout."""
        code, out, err = self.run(*options)
        assert code == 0, err
        return out

    def refuses(self, *options):
        """Run, expecting one line of error; returns it."""
        code, out, err = self.run(*options)
        assert code == 1, out
        assert out == ""
        # The tables before the wrong one have a line each.
        *tables, error = err.splitlines()
        assert all(" rows, " in line for line in tables), err
        assert error.startswith("load_raw: ")
        return error

    def rows(self, table):
        """The table's rows, in order of their values, nulls last."""
        rows = self.warehouse.query(f"select * from {self.warehouse.raw_schema}.{table}")
        return sorted(rows, key=lambda row: [(value is None, str(value)) for value in row])

    def tables(self):
        """Names of the relations in the raw schema."""
        rows = self.warehouse.query(
            "select table_name from information_schema.tables"
            f" where table_schema = '{self.warehouse.raw_schema}'"
        )
        return {name for (name,) in rows}


@pytest.fixture
def loader(warehouse, tmp_path, monkeypatch, capsys):
    """A Loader with good files."""
    return Loader(warehouse, tmp_path / "files", monkeypatch, capsys)


@pytest.fixture
def duckdb_loader(tmp_path, monkeypatch, capsys):
    """A Loader for what only DuckDB does."""
    return Loader(Warehouse("duckdb", tmp_path), tmp_path / "files", monkeypatch, capsys)


@pytest.fixture
def postgres_loader(postgres_environment, tmp_path, monkeypatch, capsys):
    """A Loader for what only PostgreSQL does."""
    warehouse = Warehouse("postgres", tmp_path, postgres_environment)
    yield Loader(warehouse, tmp_path / "files", monkeypatch, capsys)
    warehouse.drop()


@pytest.fixture(scope="module")
def own_server():
    """A server that a test may stop, and that asks for a password whatever the user's own does."""
    with PostgresServer() as server:
        yield server


# --- what is loaded ------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_every_value_arrives(loader, ending):
    """Guards against swapped columns, quotes kept in ids, and empty text instead of null."""
    for path in loader.folder.iterdir():
        path.unlink()
    loader.write(ending, **GOOD)
    loader.loads()
    for table, expected in GOOD_ROWS.items():
        assert loader.rows(table) == expected, table


def test_columns_have_the_declared_types(loader):
    """Guards against types guessed from the values."""
    loader.loads()
    rows = loader.warehouse.query(
        "select column_name, data_type from information_schema.columns"
        f" where table_schema = '{loader.warehouse.raw_schema}'"
    )
    types = {name: kind.lower() for name, kind in rows}
    assert types["userid"] == types["amount"] == "integer"
    assert types["refunded"] == "boolean"
    assert types["ts"] in ("timestamp", "timestamp without time zone")
    assert types["sessionid"] in ("varchar", "character varying")


def test_sessions_lie_in_the_order_of_time(loader):
    """Guards against rows of one day scattered over the table, where no range scan can prune."""
    loader.loads()
    schema = loader.warehouse.raw_schema
    rows = loader.warehouse.query(f"select sessionid from {schema}.session_timestamp")
    assert rows == [("a",), ("b",), ("c",)]


def test_keys_and_indexes(postgres_loader):
    """Guards against range scans and joins without an index on PostgreSQL."""
    postgres_loader.loads()
    assert indexes(postgres_loader) == {
        ("channel", "channelname", True),
        ("session_timestamp", "sessionid", True),
        ("session_timestamp", "ts", False),
        ("session_transaction", "sessionid", False),
        ("user_session_channel", "sessionid", True),
    }


def indexes(loader):
    """Table, column and uniqueness of every index."""
    return set(
        loader.warehouse.query(
            "select c.relname, a.attname, i.indisunique from pg_index as i"
            " join pg_class as c on c.oid = i.indrelid"
            " join pg_namespace as n on n.oid = c.relnamespace"
            " join pg_attribute as a on a.attrelid = i.indexrelid"
            f" where n.nspname = '{loader.warehouse.raw_schema}'"
        )
    )


def test_says_what_was_loaded_and_what_to_run_next(loader):
    """Guards against a load that ends without a word on how to go on."""
    code, out, err = loader.run()
    engine, schema = loader.warehouse.engine, loader.warehouse.raw_schema
    assert code == 0
    assert "Loaded 11 rows into 4 tables" in out
    assert (
        f"dbt build --target {engine} --vars '{{demo_data: false, raw_schema: {schema}}}'" in out
    )
    assert [line.split(",")[0] for line in err.splitlines()] == [
        "user_session_channel: 3 rows",
        "session_timestamp: 3 rows",
        "session_transaction: 3 rows",
        "channel: 2 rows",
    ]


def test_runs_as_a_script(loader, tmp_path):
    """Guards against tracebacks and exit code 0 on the command line."""
    command = [sys.executable, str(SCRIPT), *loader.arguments()]
    for code, text in ((0, "Loaded 11 rows"), (1, "already has")):
        result = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True)
        assert result.returncode == code, result.stderr
        assert text in result.stdout + result.stderr
        assert "Traceback" not in result.stderr


# --- tables that exist ---------------------------------------------------------------------------


def test_existing_tables_are_refused_before_reading(loader):
    """Guards against overwriting a warehouse's raw tables by a slip."""
    loader.loads()
    loader.write(channel="nonsense\n", user_session_channel=GOOD["user_session_channel"] + "9,z,\n")
    error = loader.refuses()
    for table in GOOD:
        assert table in error
    assert "--replace" in error
    assert len(loader.rows("user_session_channel")) == 3


def test_replace_replaces_rows_and_keeps_views(loader):
    """Guards against rows loaded twice, and against views lost with a dropped table."""
    loader.loads()
    schema = loader.warehouse.raw_schema
    view = f"{schema}.my_view"
    loader.warehouse.execute(f"create view {view} as select * from {schema}.channel")
    loader.write(channel="channelname\nNew\n")
    loader.loads("--replace")
    assert loader.warehouse.query(f"select * from {view}") == [("New",)]
    assert len(loader.rows("user_session_channel")) == 3


def test_replace_makes_keys_again(postgres_loader):
    """Guards against keys and indexes lost, doubled or left from the load before."""
    postgres_loader.loads()
    with_keys = indexes(postgres_loader)
    postgres_loader.write(channel='channelname\nA\nA\n""\n')
    postgres_loader.loads("--replace", "--no-keys")
    assert indexes(postgres_loader) == {(table, name, False) for table, name, _ in with_keys}
    postgres_loader.write(channel=GOOD["channel"])
    postgres_loader.loads("--replace")
    assert indexes(postgres_loader) == with_keys


def test_failed_replace_keeps_the_old_rows(loader):
    """Guards against an empty table after a replacement that failed."""
    loader.loads()
    loader.write(user_session_channel="userid,sessionid,channel\n", channel="channelname\nA\nA\n")
    assert "duplicate" in loader.refuses("--replace")
    for table in ("user_session_channel", "channel"):
        assert loader.rows(table) == GOOD_ROWS[table]


def test_replace_refuses_a_view(loader):
    """Guards against a view, whose data is somebody else's, being replaced by a table."""
    schema = loader.warehouse.raw_schema
    loader.warehouse.execute(f"create schema {schema}")
    loader.warehouse.execute(f"create view {schema}.channel as select 1 as channelname")
    assert f"{schema}.channel is not a plain table" in loader.refuses("--replace")
    assert loader.tables() == {"channel"}


def test_replace_refuses_other_columns(postgres_loader):
    """Guards against emptying a table that is not the one we know."""
    schema = postgres_loader.warehouse.raw_schema
    postgres_loader.warehouse.execute(
        f"create schema {schema}; create table {schema}.channel (channelname text);"
        f" insert into {schema}.channel values ('kept')"
    )
    assert "other columns than expected (channelname text" in postgres_loader.refuses("--replace")
    assert postgres_loader.rows("channel") == [("kept",)]


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "line", "example"),
    [
        ("user_session_channel", "5,a,Naver\n1,b,\n", "a"),
        ("session_timestamp", "2019-05-01 00:00:00,a\n,c\n", "a"),
        ("channel", "Naver\nGoogle\n", "Google"),
    ],
)
def test_duplicate_keys_are_refused(loader, table, line, example):
    """Guards against duplicate sessions that nobody hears of, and against a bare engine error."""
    loader.write(**{table: GOOD[table] + line})
    error = loader.refuses()
    key = load_raw.TABLES[table].key
    assert f"{table} has 2 duplicate values of {key}, for example '{example}'" in error
    assert "--no-keys" in error
    assert loader.tables() == set()
    loader.loads("--no-keys")
    assert len(loader.rows(table)) == len(GOOD_ROWS[table]) + 2


def test_null_keys_are_refused(loader):
    """Guards against sessions without an id that nobody hears of."""
    loader.write(user_session_channel=GOOD["user_session_channel"] + '7,,A\n8,"",A\n')
    assert "user_session_channel has 2 rows without sessionid" in loader.refuses()
    loader.loads("--no-keys")
    assert len(loader.rows("user_session_channel")) == 5


def test_nothing_stays_after_an_error_in_the_last_table(loader):
    """Guards against three new tables and one that is missing."""
    assert list(load_raw.TABLES)[-1] == "channel"
    loader.write(channel="channelname\nA\nA\n")
    loader.refuses()
    assert loader.tables() == set()
    loader.write(channel=GOOD["channel"])
    loader.loads()


# --- where to ------------------------------------------------------------------------------------


def test_marts_schema_is_refused(loader):
    """Guards against raw tables in the schema that dbt rebuilds."""
    error = loader.refuses("--schema", loader.warehouse.schema)
    assert f"dbt writes its tables to schema {loader.warehouse.schema}" in error


@pytest.mark.parametrize("name", ["Raw", "1raw", "raw-data", 'raw"; drop', "a.b", "", "x" * 64])
def test_bad_schema_name(loader, name):
    """Guards against SQL in a name, and names that an engine folds or cuts."""
    assert "--schema must be a name of letters" in loader.refuses(f"--schema={name}")


def test_existing_schema_is_used(loader):
    """Guards against a loader that must create the schema itself."""
    loader.warehouse.execute(f"create schema {loader.warehouse.raw_schema}")
    loader.loads()
    assert loader.tables() == set(GOOD)


def test_edited_profile_wins(loader, tmp_path):
    """Guards against a loader that knows only the environment variables."""
    profiles = tmp_path / "profiles" / "profiles.yml"
    text = profiles.read_text().replace("env_var('DBT_SCHEMA', 'analytics')", "'edited_schema'")
    profiles.write_text(text)
    assert "schema edited_schema" in loader.refuses("--schema", "edited_schema")
    other = tmp_path / "other"
    other.mkdir()
    assert "cp profiles.yml.example profiles.yml" in loader.refuses("--profiles-dir", str(other))
    (other / "profiles.yml").write_text(text.replace("edited_schema", "other_schema"))
    out = loader.loads("--schema", loader.warehouse.raw_schema, "--profiles-dir", str(other))
    assert f"--profiles-dir {other}" in out


def test_without_profile_the_example_is_used(duckdb_loader, tmp_path, monkeypatch):
    """Guards against a first load that fails because profiles.yml was not copied yet."""
    monkeypatch.setattr(load_raw, "PROJECT_ROOT", tmp_path / "project")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DBT_PROFILES_DIR")
    monkeypatch.chdir(tmp_path)
    assert "cp profiles.yml.example profiles.yml" in duckdb_loader.refuses()
    (tmp_path / "project").mkdir()
    example = (PROJECT_ROOT / "profiles.yml.example").read_text()
    (tmp_path / "project" / "profiles.yml.example").write_text(example)
    assert "\ncp profiles.yml.example profiles.yml\ndbt build" in duckdb_loader.loads()


def test_unknown_target(loader):
    """Guards against a traceback on a mistyped target."""
    assert "does not have a target named 'nowhere'" in loader.refuses("--target", "nowhere")


# --- reaching the engine -------------------------------------------------------------------------


def test_postgres_refuses_wrong_password(own_server, postgres_loader):
    """Guards against an error that does not say who could not log in where."""
    environment = own_server.environment | {"DBT_ENV_SECRET_POSTGRES_PASSWORD": "wrong-secret"}
    postgres_loader.set(**environment)
    error = postgres_loader.refuses()
    assert f"127.0.0.1:{environment['DBT_POSTGRES_PORT']} as user postgres" in error
    assert "DBT_ENV_SECRET_POSTGRES_PASSWORD" in error
    assert "wrong-secret" not in error


def test_postgres_needs_no_right_to_create_a_schema_that_exists(own_server, postgres_loader):
    """Guards against a loader that only an administrator can run."""
    warehouse = postgres_loader.warehouse
    warehouse.environment |= own_server.environment
    schema = warehouse.raw_schema
    warehouse.execute(
        "create role loader login password 'loader';"
        f" create schema {schema} authorization loader"
    )
    postgres_loader.set(**own_server.environment)
    postgres_loader.set(DBT_POSTGRES_USER="loader", DBT_ENV_SECRET_POSTGRES_PASSWORD="loader")
    postgres_loader.loads()
    postgres_loader.loads("--replace")


def test_postgres_is_down(own_server, postgres_loader):
    """Guards against a load that hangs or does not say which server it tried."""
    postgres_loader.set(**own_server.environment)
    own_server.stop()
    try:
        error = postgres_loader.refuses()
    finally:
        own_server.start()
    assert f"127.0.0.1:{own_server.environment['DBT_POSTGRES_PORT']}" in error
    assert "check that the server runs" in error


def test_duckdb_folder_is_missing(duckdb_loader, tmp_path):
    """Guards against DuckDB's own error, which names only the file."""
    duckdb_loader.set(DBT_DUCKDB_PATH=str(tmp_path / "nowhere" / "x.duckdb"))
    assert f"there is no folder {tmp_path / 'nowhere'}" in duckdb_loader.refuses()


def test_duckdb_in_memory_is_refused(duckdb_loader):
    """Guards against a load that is gone when the script ends."""
    duckdb_loader.set(DBT_DUCKDB_PATH=":memory:")
    assert "DBT_DUCKDB_PATH must be the path of a file" in duckdb_loader.refuses()


def test_duckdb_relative_path_starts_in_the_project(duckdb_loader, tmp_path, monkeypatch):
    """Guards against loading one file and building from another."""
    monkeypatch.setattr(load_raw, "PROJECT_ROOT", tmp_path)
    duckdb_loader.set(DBT_DUCKDB_PATH="relative.duckdb")
    duckdb_loader.loads()
    assert (tmp_path / "relative.duckdb").is_file()


def test_duckdb_file_is_locked(duckdb_loader):
    """Guards against an error that does not say who has the file."""
    code = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print(1); time.sleep(60)"
    path = duckdb_loader.warehouse.duckdb_path
    holder = subprocess.Popen(
        [sys.executable, "-u", "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        holder.stdout.readline()
        error = duckdb_loader.refuses()
    finally:
        holder.kill()
        holder.wait()
    assert f"(PID {holder.pid})" in error
    assert "open and locked" in error


def test_postgres_lock_does_not_wait_for_ever(postgres_loader, monkeypatch):
    """Guards against a replacement that hangs behind an open session."""
    postgres_loader.loads()
    monkeypatch.setattr(load_raw, "LOCK_TIMEOUT_SECONDS", 1)
    connection = postgres_loader.warehouse.connect()
    connection.autocommit = False
    # So that this test fails instead of hanging.
    give_up = threading.Timer(30, connection.close)
    give_up.start()
    try:
        schema = postgres_loader.warehouse.raw_schema
        connection.cursor().execute(f"select * from {schema}.channel")
        assert "another session uses" in postgres_loader.refuses("--replace")
    finally:
        give_up.cancel()
        connection.close()
