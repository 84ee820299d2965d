"""Load the four raw tables from CSV files into the warehouse that dbt uses.

    python scripts/load_raw.py FOLDER [--target duckdb|postgres] [--schema raw_data]
                               [--replace] [--no-keys] [--profiles-dir DIR]

FOLDER holds one file per table, `<table>.csv` or `<table>.csv.gz`, UTF-8 with or without byte
order mark, comma-separated, with a header line that names exactly the table's columns, in any
order.

- Every line has a line end, the last one too, lest the file was cut off; all of one kind. No line
  is empty.
- A field may be quoted, quotes in it doubled. An empty field, quoted or not, is null.
- Whole numbers are digits with or without a sign. True is true, t, yes, y or 1, false is false, f,
  no, n or 0, in upper or lower case. Text has at most 32 characters.
- Times are `2019-05-01`, `2019-05-01 10:00` or `2019-05-01T10:00:00.123456`, years 1000 to 9998.
  They are UTC; one with an offset (`Z`, ` UTC`, `+09`, `+0930`, `+09:30`) is converted to UTC.

Each file is checked to its end before anything is written, and all four tables are loaded in one
transaction: after an error nothing has changed.
"""

import argparse
import csv
import gzip
import io
import os
import re
import shlex
import sys
import time
import zlib
from argparse import Namespace
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from configuration import connection_problems, follows, variable_rules
from dbt.clients.yaml_helper import load_yaml_text
from dbt.config.profile import Profile
from dbt.config.renderer import ProfileRenderer
from dbt.flags import set_flags
from dbt_common.context import set_invocation_context
from dbt_common.exceptions import DbtBaseException

from raw_csv import BOOLEAN, ID, INTEGER, TIME, Fault, check_rows, convert

# Who uses one engine has not installed the other's driver.
try:
    import duckdb
except ImportError:
    duckdb = None
try:
    import psycopg2
except ImportError:
    psycopg2 = None
DRIVER_ERRORS = tuple(driver.Error for driver in (duckdb, psycopg2) if driver)

PROJECT_ROOT = Path(__file__).resolve().parent.parent
PROFILE_NAME = "elt_summary"
DEFAULT_SCHEMA = "raw_data"
CHUNK_BYTES = 1 << 20
LOCK_TIMEOUT_SECONDS = 60
READ_ERRORS = (OSError, EOFError, zlib.error, csv.Error)


class LoadError(Exception):
    """Why nothing was loaded, in words for the person who ran the script."""


@dataclass(frozen=True)
class Table:
    """A raw table: columns with their SQL types, the key, and what the models look rows up by."""

    columns: dict
    key: str | None = None
    indexed: str | None = None
    timestamp: str | None = None


TABLES = {
    "user_session_channel": Table(
        {"userid": INTEGER, "sessionid": ID, "channel": ID}, key="sessionid"
    ),
    "session_timestamp": Table(
        {"sessionid": ID, "ts": TIME},
        key="sessionid",
        indexed="ts",
        timestamp="ts",
    ),
    # No key: two identical rows are two transactions.
    "session_transaction": Table(
        {"sessionid": ID, "refunded": BOOLEAN, "amount": INTEGER}, indexed="sessionid"
    ),
    "channel": Table({"channelname": ID}, key="channelname"),
}


@dataclass(frozen=True)
class Source:
    """The file of one table, and its columns in the file's order."""

    path: Path
    header: list


class Progress:
    """One line per table on stderr; rewritten in place while loading when that is a terminal."""

    def __init__(self):
        self._live = sys.stderr.isatty()
        self._table = ""
        self._started = 0.0

    def start(self, table):
        """Begin a table."""
        self._table, self._started = table, time.monotonic()
        self._rewrite("loading ...")

    def rows(self, count):
        """Tell how many rows were read so far."""
        self._rewrite(f"{count:,} rows ...")

    def checked(self, table, count):
        """Tell how many rows of a file were checked so far."""
        self._table = table
        self._rewrite(f"checking, {count:,} rows ...")

    def done(self, count):
        """End the table, which now has this many rows."""
        seconds = time.monotonic() - self._started
        start = "\r\033[K" if self._live else ""
        print(f"{start}{self._table}: {count:,} rows, {seconds:.1f} s", file=sys.stderr)

    def failed(self):
        """Leave the terminal line as it is, so that the error starts on a line of its own."""
        if self._live and self._table:
            print(file=sys.stderr)

    def _rewrite(self, text):
        if self._live:
            print(f"\r\033[K{self._table}: {text}", end="", file=sys.stderr, flush=True)


def main(argv=None):
    """Load as the command line says; returns the exit code: 0 loaded, 1 nothing was loaded."""
    options = parse_arguments(argv)
    progress = Progress()
    started = time.monotonic()
    try:
        counts, target = load(options, progress)
    except KeyboardInterrupt:
        progress.failed()
        print("load_raw: interrupted, nothing was loaded", file=sys.stderr)
        return 130
    except (LoadError, DbtBaseException, *DRIVER_ERRORS, OSError) as error:
        progress.failed()
        print(f"load_raw: {one_line(error)}", file=sys.stderr)
        return 1
    seconds = time.monotonic() - started
    print(
        f"Loaded {sum(counts.values()):,} rows into {len(counts)} tables of schema"
        f" {options.schema} in {seconds:.1f} s. Next:\n{next_command(options, target)}"
    )
    return 0


def parse_arguments(argv):
    """The options; argparse exits with 2 when they are unusable."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", 1)[0],
        epilog="The connection is the one of dbt's profile elt_summary.",
    )
    parser.add_argument("folder", type=Path, help="folder with <table>.csv or <table>.csv.gz")
    parser.add_argument("--target", help="dbt target, duckdb or postgres (default: the profile's)")
    parser.add_argument("--schema", default=DEFAULT_SCHEMA, help="default: %(default)s")
    parser.add_argument("--replace", action="store_true", help="replace tables that exist")
    parser.add_argument(
        "--no-keys", action="store_true", help="load without primary keys, duplicates included"
    )
    parser.add_argument("--profiles-dir", type=Path, help="folder with profiles.yml")
    return parser.parse_args(argv)


def load(options, progress):
    """Load all tables.

    Args:
        options: from parse_arguments.
        progress: Progress.

    Returns:
        Row counts by table name, and the name of the dbt target.

    Raises:
        LoadError, or an error of dbt or of the engine; nothing was loaded then.
    """
    profile = read_profile(options.target, options.profiles_dir)
    check_options(options, profile)
    files = find_files(options.folder)
    credentials = profile.credentials
    return ENGINES[credentials.type](credentials, files, options, progress), profile.target_name


def check_options(options, profile):
    """Stop unless schema and connection are what the project allows.

    Args:
        options: with `schema`, of the raw tables.
        profile: dbt's, as read_profile gives it.

    Raises:
        LoadError: what is not.
    """
    credentials = profile.credentials
    rule = variable_rules()["raw_schema"]
    if not follows(options.schema, rule) or options.schema != options.schema.lower():
        raise LoadError(f"--schema must be {rule['allowed']}, in lower case")
    if credentials.type not in ENGINES:
        raise LoadError(
            f"target {profile.target_name} is of type {credentials.type};"
            " only duckdb and postgres can be loaded"
        )
    problems = connection_problems(credentials)
    if problems:
        raise LoadError("; ".join(problems))
    if options.schema == credentials.schema.lower():
        raise LoadError(
            f"dbt writes its tables to schema {credentials.schema} (target"
            f" {profile.target_name}); raw tables must lie in another one, give --schema"
        )


def next_command(options, target):
    """The commands to run after a load, one a line."""
    variables = "demo_data: false"
    if options.schema != DEFAULT_SCHEMA:
        variables += f", raw_schema: {options.schema}"
    command = f"dbt build --target {shlex.quote(target)} --vars '{{{variables}}}'"
    if options.profiles_dir:
        command += f" --profiles-dir {shlex.quote(str(options.profiles_dir))}"
    if find_profiles(options.profiles_dir).suffix == ".example":
        command = f"cp profiles.yml.example profiles.yml\n{command}"
    return command


def one_line(error):
    """An error's text on one line."""
    return " ".join(str(error).split())


# --- the profile and the files ------------------------------------------------------------------


def find_profiles(profiles_dir):
    """Path of the profiles, searched as dbt does: --profiles-dir, DBT_PROFILES_DIR, the current
    folder, the project, ~/.dbt. Last comes the project's example, which works unedited.

    Raises:
        LoadError: a folder was named and has no profiles.yml, or there is none anywhere.
    """
    named = profiles_dir or os.environ.get("DBT_PROFILES_DIR")
    folders = [Path(named)] if named else [Path.cwd(), PROJECT_ROOT, Path.home() / ".dbt"]
    candidates = [folder / "profiles.yml" for folder in folders]
    if not named:
        candidates.append(PROJECT_ROOT / "profiles.yml.example")
    for path in candidates:
        if path.is_file():
            return path
    searched = ", ".join(str(folder) for folder in folders)
    raise LoadError(f"no profiles.yml in {searched}; run: cp profiles.yml.example profiles.yml")


def read_profile(target, profiles_dir):
    """The profile rendered by dbt itself, environment variables included.

    Args:
        target: name of a target; None: the profile's default.
        profiles_dir: folder of profiles.yml; None: search for it.

    Returns:
        dbt's Profile.

    Raises:
        LoadError: there is no profiles.yml. DbtBaseException: dbt does not accept it.
    """
    path = find_profiles(profiles_dir)
    # What dbt's command line sets up before it reads a profile.
    set_flags(Namespace(LOG_CACHE_EVENTS=False))
    set_invocation_context(os.environ)
    profiles = load_yaml_text(path.read_text(encoding="utf-8")) or {}
    if PROFILE_NAME not in profiles:
        raise LoadError(f"{path} has no profile {PROFILE_NAME}")
    return Profile.from_raw_profiles(profiles, PROFILE_NAME, ProfileRenderer({}), target)


def find_files(folder):
    """Path of each table's file, by table name; nothing is read.

    Raises:
        LoadError: the folder or a file is missing, or a table has two files.
    """
    if not folder.is_dir():
        raise LoadError(f"there is no folder {folder}")
    files, missing = {}, []
    for table in TABLES:
        names = (f"{table}.csv", f"{table}.csv.gz")
        found = [folder / name for name in names if (folder / name).is_file()]
        if len(found) == 2:
            raise LoadError(f"{folder} has both {found[0].name} and {found[1].name}; remove one")
        folders = [folder / name for name in names if (folder / name).is_dir()]
        if folders:
            raise LoadError(f"{folders[0]} is a folder; give the file of that name in its place")
        if found:
            files[table] = found[0]
        else:
            missing.append(f"{table}.csv")
    if missing:
        raise LoadError(f"{folder} lacks {', '.join(missing)} (or the same with .gz)")
    return files


def read_files(files, progress):
    """Sources by table name, after checking every file: first all headers, then all rows.

    Raises:
        LoadError: a file cannot be read, its header does not have exactly the columns, or a row is
            not as it must be; and the line.
    """
    sources = {table: Source(path, read_header(table, path)) for table, path in files.items()}
    for table, source in sources.items():
        check_file(table, source, lambda count, table=table: progress.checked(table, count))
    return sources


def check_file(table, source, on_rows):
    """Read a file to its end.

    Args:
        table: name of the raw table.
        source: Source, whose header has been read.
        on_rows: function that is told the number of lines so far.

    Raises:
        LoadError: the file cannot be read, or a row is not as it must be; and the line.
    """
    columns = {name: TABLES[table].columns[name] for name in source.header}
    try:
        with open_bytes(source.path) as file:
            check_rows(file, columns, on_rows)
    except Fault as fault:
        raise LoadError(f"{source.path}, {fault}") from fault
    except READ_ERRORS as error:
        raise LoadError(f"{source.path}: {describe_unreadable(error)}") from error


def read_header(table, path):
    """Column names in the order of the file; see read_files."""
    try:
        with open_bytes(path) as file:
            # More than the header is decoded here; wrong bytes below it are found with the rows.
            text = io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline="")
            header = next(csv.reader(text, strict=True), [])
    except READ_ERRORS as error:
        raise LoadError(f"{path}: {describe_unreadable(error)}") from error
    if any("\0" in name for name in header):
        raise LoadError(f"{path}, line 1: not UTF-8; if it is UTF-16: {convert('UTF-16')}")
    expected = TABLES[table].columns
    problems = {
        "missing": [name for name in expected if name not in header],
        "unexpected": [name for name in header if name not in expected],
        "repeated": [name for name, count in Counter(header).items() if count > 1],
    }
    found = [
        f"{what} {', '.join(map(printable, names))}"
        for what, names in problems.items()
        if names
    ]
    if found:
        raise LoadError(
            f"{path}, line 1: the header must be {','.join(expected)}, in any order;"
            f" {'; '.join(found)}"
        )
    return header


def printable(name):
    """A column's name as text in which nothing is invisible."""
    return name if name.isprintable() and name and name == name.strip() else ascii(name)


def describe_unreadable(error):
    """Why a file cannot be read, and what to do about a damaged one."""
    if isinstance(error, (EOFError, zlib.error, gzip.BadGzipFile)):
        return f"{error}; the file is damaged or cut off, get it again"
    return one_line(error)


def lines_with(source, column, value):
    """The first two lines of a checked file on which a column has the value."""
    index, lines = source.header.index(column), []
    with open_bytes(source.path) as file:
        reader = csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline=""), strict=True)
        next(reader)
        for row in reader:
            if row[index] == value:
                lines.append(f"line {reader.line_num}")
            if len(lines) == 2:
                break
    return " and ".join(lines)


def open_bytes(path):
    """The file for reading bytes, unpacked if it ends in .gz."""
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


# --- what both engines share ---------------------------------------------------------------------


def quoted(*names):
    """Names as a quoted, dotted SQL identifier."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def quoted_list(names):
    """Names as a comma-separated list of quoted SQL identifiers."""
    return ", ".join(quoted(name) for name in names)


def create_table_sql(schema, table):
    """Statement that creates an empty raw table."""
    columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in TABLES[table].columns.items())
    return f"create table {quoted(schema, table)} ({columns})"


def refuse_existing(existing, options):
    """Stop if a table is in the way.

    Args:
        existing: relation kind by name, of the raw tables' names in the schema; "BASE TABLE" is
            a plain table.
        options: from parse_arguments.

    Raises:
        LoadError: a relation is not a plain table, or --replace was not given.
    """
    for name, kind in existing.items():
        if kind != "BASE TABLE":
            raise LoadError(f"{options.schema}.{name} is not a plain table but {kind}")
    if existing and not options.replace:
        raise LoadError(
            f"schema {options.schema} already has {', '.join(sorted(existing))};"
            " give --replace to replace what they hold"
        )


def check_key(run, schema, table, source):
    """Stop if the table's key column has nulls or duplicates.

    Args:
        run: function that runs a query and returns its only row.
        schema: schema name.
        table: table name; without a key there is nothing to check.
        source: Source of the table.

    Raises:
        LoadError: how many keys are wrong, the lines of one of them, and what to do.
    """
    key = TABLES[table].key
    if key is None:
        return
    name, column = quoted(schema, table), quoted(key)
    duplicates, example = run(
        f"select count(*), min(k) from (select {column} as k from {name} where {column} is not null"
        f" group by {column} having count(*) > 1) as repeated"
    )
    (nulls,) = run(f"select count(*) from {name} where {column} is null")
    problems = []
    if duplicates:
        values = "value" if duplicates == 1 else "values"
        lines = lines_with(source, key, example)
        problems.append(
            f"{duplicates:,} duplicate {values} of {key}, for example {example!r} on {lines}"
        )
    if nulls:
        rows = "row" if nulls == 1 else "rows"
        lines = lines_with(source, key, "")
        problems.append(f"{nulls:,} {rows} without {key}, for example {lines}")
    if problems:
        raise LoadError(
            f"{source.path}: {table} has {' and '.join(problems)}; nothing was loaded. --no-keys"
            " loads it without a primary key; the models collapse exact duplicates"
        )


# --- DuckDB --------------------------------------------------------------------------------------

# A time is read with a zone, UTC unless it says otherwise: DuckDB drops the offset of a time
# without one.
DUCKDB_READ_AS = {ID: "varchar", INTEGER: "integer", BOOLEAN: "boolean", TIME: "timestamptz"}


def load_duckdb(credentials, files, options, progress):
    """Load into DuckDB; arguments and errors as load(); returns row counts by table name."""
    connection = connect_duckdb(credentials)
    try:
        existing = connection.execute(
            "select table_name, table_type from information_schema.tables"
            " where table_catalog = current_database() and lower(table_schema) = ?"
            " and list_contains(?, lower(table_name))",
            [options.schema, list(TABLES)],
        ).fetchall()
        refuse_existing(dict(existing), options)
        sources = read_files(files, progress)
        connection.execute("begin")
        connection.execute(f"create schema if not exists {quoted(options.schema)}")
        counts = {}
        for table, source in sources.items():
            progress.start(table)
            counts[table] = load_table_duckdb(connection, table, source, options)
            progress.done(counts[table])
        connection.execute("commit")
        return counts
    finally:
        connection.close()


def connect_duckdb(credentials):
    """Connection to the profile's database file.

    Raises:
        LoadError: the file cannot be opened, and why.
    """
    # dbt runs in the project's folder, so a relative path starts there.
    path = PROJECT_ROOT / Path(credentials.path).expanduser()
    if not path.parent.is_dir():
        raise LoadError(f"there is no folder {path.parent} for the DuckDB file {path.name}")
    try:
        connection = duckdb.connect(str(path), config=credentials.config_options or {})
    except duckdb.IOException as error:
        if "lock" not in str(error):
            raise LoadError(f"cannot open the DuckDB file: {error}") from error
        process = re.search(r"\(PID \d+\)", str(error))
        holder = f" {process[0]}" if process else ""
        raise LoadError(
            f"another process{holder} has the DuckDB file {path} open and locked;"
            " end it (dbt, a DuckDB shell, a BI tool) and try again"
        ) from error
    for name, value in (credentials.settings or {}).items():
        connection.execute(f"set {name} = {literal(value)}")
    connection.execute("set TimeZone = 'UTC'")
    return connection


def load_table_duckdb(connection, table, source, options):
    """Create one table from its file, in the open transaction; returns the row count."""
    definition = TABLES[table]
    name = quoted(options.schema, table)
    # In the order of time: DuckDB keeps the smallest and largest value of each block of rows and
    # skips the blocks of other days.
    order = f" order by {quoted(definition.timestamp)}" if definition.timestamp else ""
    connection.execute(f"drop table if exists {name}")
    connection.execute(create_table_sql(options.schema, table))
    try:
        connection.execute(f"insert into {name} {read_csv_sql(table, source)}{order}")
    except duckdb.Error as error:
        raise LoadError(f"{source.path}: {one_line(error)}") from error

    def run(sql):
        return connection.execute(sql).fetchone()

    # Uniqueness is checked here instead of by a primary key: its index would cost four times the
    # load, and DuckDB's queries would not use it.
    if not options.no_keys:
        check_key(run, options.schema, table, source)
    return run(f"select count(*) from {name}")[0]


def read_csv_sql(table, source):
    """DuckDB query for the rows of a checked file, columns in the order of TABLES. Nothing is
    guessed from the file: types, header and dialect are given."""
    definition = TABLES[table]
    read_as = {column: DUCKDB_READ_AS[definition.columns[column]] for column in source.header}
    columns = ", ".join(f"{literal(column)}: {literal(kind)}" for column, kind in read_as.items())
    values = ", ".join(
        quoted(column) + (f" at time zone 'UTC' as {quoted(column)}" if kind == TIME else "")
        for column, kind in definition.columns.items()
    )
    return (
        f"select {values} from read_csv({literal(source.path)},"
        f" auto_detect = false, columns = {{{columns}}}, header = true, delim = ',',"
        " quote = '\"', escape = '\"', nullstr = '', strict_mode = true,"
        " ignore_errors = false, null_padding = false)"
    )


def literal(value):
    """A value as a quoted SQL string."""
    return "'" + str(value).replace("'", "''") + "'"


# --- PostgreSQL ----------------------------------------------------------------------------------


class CopyReader:
    """A file for COPY that reports progress and keeps the error that stopped it.

    Args:
        file: opened for reading bytes.
        progress: Progress, told the rows so far: line ends, so it may be a little high.
    """

    def __init__(self, file, progress):
        self.error = None
        self._file = file
        self._progress = progress
        self._rows = 0

    def read(self, size):
        """The next bytes, at most size of them; empty at the end."""
        try:
            chunk = self._file.read(size)
        except READ_ERRORS as error:
            self.error = error
            raise
        self._rows += chunk.count(b"\n")
        self._progress.rows(self._rows)
        return chunk


def load_postgres(credentials, files, options, progress):
    """Load into PostgreSQL; arguments and errors as load(); returns row counts by table name."""
    connection = connect_postgres(credentials)
    try:
        with connection, connection.cursor() as cursor:
            if credentials.role:
                cursor.execute(f"set role {quoted(credentials.role)}")
            cursor.execute("set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'")
            cursor.execute(f"set local lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")
            existing = existing_postgres(cursor, options.schema)
            refuse_existing(existing, options)
            sources = read_files(files, progress)
            # Not "if not exists": that needs the right to create a schema even when there is one.
            cursor.execute("select 1 from pg_namespace where nspname = %s", [options.schema])
            if cursor.fetchone() is None:
                cursor.execute(f"create schema {quoted(options.schema)}")
            counts = {}
            for table, source in sources.items():
                progress.start(table)
                if table in existing:
                    empty_table_postgres(cursor, options.schema, table)
                else:
                    cursor.execute(create_table_sql(options.schema, table))
                counts[table] = copy_postgres(cursor, table, source, options.schema, progress)
                add_keys_postgres(cursor, table, source, options)
                progress.done(counts[table])
        return counts
    finally:
        connection.close()


def connect_postgres(credentials):
    """Connection to the profile's server.

    Raises:
        LoadError: the server cannot be reached or does not let the user in.
    """
    optional = {
        name: value
        for name in ("sslmode", "sslcert", "sslkey", "sslrootcert", "keepalives_idle")
        if (value := getattr(credentials, name))
    }
    try:
        return psycopg2.connect(
            host=credentials.host,
            port=credentials.port,
            user=credentials.user,
            password=credentials.password,
            dbname=credentials.database,
            connect_timeout=credentials.connect_timeout,
            application_name="load_raw",
            client_encoding="UTF8",
            **optional,
        )
    except psycopg2.OperationalError as error:
        raise LoadError(
            f"cannot connect to PostgreSQL at {credentials.host}:{credentials.port} as user"
            f" {credentials.user}, database {credentials.database}: {one_line(error)} --"
            " check that the server runs, DBT_POSTGRES_HOST, _PORT, _USER, _DATABASE and"
            " DBT_ENV_SECRET_POSTGRES_PASSWORD"
        ) from error


def existing_postgres(cursor, schema):
    """Kinds of those relations in the schema that have a raw table's name, by name."""
    cursor.execute(
        "select relname, case relkind when 'r' then 'BASE TABLE' when 'v' then 'a view'"
        " when 'm' then 'a materialized view' when 'p' then 'a partitioned table'"
        " else 'another kind of relation' end"
        " from pg_class join pg_namespace on pg_namespace.oid = relnamespace"
        " where nspname = %s and relname = any(%s)",
        [schema, list(TABLES)],
    )
    return dict(cursor.fetchall())


def empty_table_postgres(cursor, schema, table):
    """Empty a table that exists, and take away its keys and indexes, which are made again later.

    Not dropped: views on it, as dbt's staging models are, would have to go with it.

    Raises:
        LoadError: its columns are not those that a new table would have, or it is in use.
    """
    name = quoted(schema, table)
    cursor.execute(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 and not attisdropped",
        [name],
    )
    columns = dict(cursor.fetchall())
    if columns != TABLES[table].columns:
        raise LoadError(
            f"{schema}.{table} has other columns than expected"
            f" ({describe_columns(columns)} instead of {describe_columns(TABLES[table].columns)});"
            " rename or drop it, or load into another schema"
        )
    try:
        cursor.execute(f"truncate {name}")
    except psycopg2.errors.LockNotAvailable as error:
        raise LoadError(
            f"another session uses {schema}.{table} and did not end within"
            f" {LOCK_TIMEOUT_SECONDS} s; try again when it has"
        ) from error
    cursor.execute(
        "select conname from pg_constraint where conrelid = %s::regclass and contype = 'p'", [name]
    )
    for (constraint,) in cursor.fetchall():
        cursor.execute(f"alter table {name} drop constraint {quoted(constraint)}")
    for column in TABLES[table].columns:
        cursor.execute(f"alter table {name} alter column {quoted(column)} drop not null")
        cursor.execute(f"drop index if exists {quoted(schema, index_name(table, column))}")


def describe_columns(columns):
    """Columns and types as readable text."""
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def copy_postgres(cursor, table, source, schema, progress):
    """Stream one file into its empty table; returns the row count.

    Raises:
        LoadError: file, line and column, and what is wrong there.
    """
    definition = TABLES[table]
    name = quoted(schema, table)
    into = name
    if definition.timestamp:
        # Through a temporary table: PostgreSQL drops the offset of a time that is read without a
        # zone; and rows in the order of time let one day's rows lie together.
        into = quoted(f"load_{table}")
        cursor.execute(f"create temporary table {into} (like {name}) on commit drop")
        cursor.execute(
            f"alter table {into} alter column {quoted(definition.timestamp)} type timestamptz"
        )
    columns = quoted_list(source.header)
    statement = (
        f"copy {into} ({columns}) from stdin"
        f" (format csv, header true, null '', force_null ({columns}), encoding 'UTF8')"
    )
    try:
        with open_bytes(source.path) as file:
            reader = CopyReader(file, progress)
            cursor.copy_expert(statement, reader, size=CHUNK_BYTES)
        count = cursor.rowcount
    except psycopg2.Error as error:
        raise LoadError(f"{source.path}{describe_postgres(error, reader)}") from error
    if definition.timestamp:
        names = quoted_list(definition.columns)
        time_column = quoted(definition.timestamp)
        utc = names.replace(time_column, f"{time_column} at time zone 'UTC'")
        cursor.execute(
            f"insert into {name} ({names}) select {utc} from {into} order by {time_column}"
        )
    return count


def describe_postgres(error, reader):
    """Where in the file and why, from an error of COPY; starts with what follows the file name."""
    if reader.error is not None:
        return f": {reader.error}"
    # "COPY session_timestamp, line 3, column ts: ..."
    place = re.search(r"line (\d+)(?:, column (\w+))?", error.diag.context or "")
    column = f", column {place[2]}" if place and place[2] else ""
    line = f", line {place[1]}" if place else ""
    return f"{line}{column}: {error.diag.message_primary or one_line(error)}"


def add_keys_postgres(cursor, table, source, options):
    """Add primary key and indexes to a loaded table and let the planner know its contents.

    Raises:
        LoadError: the key has nulls or duplicates.
    """
    definition = TABLES[table]
    name = quoted(options.schema, table)
    indexed = [definition.indexed]
    if options.no_keys:
        indexed.append(definition.key)
    elif definition.key:
        cursor.execute("savepoint before_key")
        try:
            cursor.execute(f"alter table {name} add primary key ({quoted(definition.key)})")
        except (psycopg2.errors.UniqueViolation, psycopg2.errors.NotNullViolation):
            cursor.execute("rollback to savepoint before_key")

            def run(sql):
                cursor.execute(sql)
                return cursor.fetchone()

            check_key(run, options.schema, table, source)
            raise
    for column in filter(None, indexed):
        index = quoted(index_name(table, column))
        cursor.execute(f"create index {index} on {name} ({quoted(column)})")
    cursor.execute(f"analyze {name}")


def index_name(table, column):
    """Name of the index on a column; the one that PostgreSQL itself would choose."""
    return f"{table}_{column}_idx"


ENGINES = {"duckdb": load_duckdb, "postgres": load_postgres}


if __name__ == "__main__":
    sys.exit(main())
