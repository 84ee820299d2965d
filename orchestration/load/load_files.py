"""Load raw files into the raw tables, each file once, by dlt.

    python orchestration/load/load_files.py SOURCE [--day 2019-07-01] [--target duckdb|postgres]
                                            [--schema raw_data] [--profiles-dir DIR]

SOURCE is a folder, or an http(s) address below which the files are. `{day}` in it is replaced by
--day. It holds for each raw table a file `<table>.csv`, `<table>.csv.gz` or `<table>.parquet`; in a
folder there may be more, `<table>.<part>.csv` and so on.

A file is known by its name without ending, with the day before it: `2019-07-01/channel`. A file
that was loaded and has not changed is not loaded again; one that has changed replaces the rows that
it brought before, and only those. So each row belongs into one file only. Nothing is deleted
because a file is gone.

What a CSV file may hold is said in scripts/load_raw.py. A Parquet file has exactly the table's
columns: whole numbers, text, boolean, and a timestamp, UTC or with a zone. All files are read to
their end before anything is written: if one is missing, cut off or of another format, nothing is
loaded. The exit code is then 1; 2: the command line is wrong.

The raw tables get two more columns: `loaded_at`, the time of the load, UTC, as dbt's variable
`loaded_at_column` wants it, and `source_file`. The table `loaded_files` says what was loaded.
"""

import argparse
import hashlib
import os
import re
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path

# Set before dlt is imported: nothing is reported to anybody, and what goes wrong is said by us.
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")

PROJECT_ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT_ROOT / "scripts"))

import dlt  # noqa: E402
import duckdb  # noqa: E402
import psycopg2  # noqa: E402
import pyarrow  # noqa: E402
import pyarrow.csv  # noqa: E402
import pyarrow.parquet  # noqa: E402
import urllib3  # noqa: E402
from dbt_common.exceptions import DbtBaseException  # noqa: E402
from dlt.pipeline.exceptions import PipelineStepFailed  # noqa: E402
from dlt.sources.helpers import requests  # noqa: E402
from load_raw import (  # noqa: E402
    DEFAULT_SCHEMA,
    TABLES,
    LoadError,
    Source,
    check_file,
    check_options,
    connect_duckdb,
    connect_postgres,
    index_name,
    literal,
    one_line,
    quoted,
    read_csv_sql,
    read_header,
    read_profile,
)
from raw_csv import BOOLEAN, ID, ID_LENGTH, INTEGER, TIME  # noqa: E402

ENDINGS = ("csv", "csv.gz", "parquet")
FILE_PATTERN = re.compile(
    rf"(?P<stem>(?P<table>{'|'.join(TABLES)})(?:\.[\w-]+)?)\.(?:csv|csv\.gz|parquet)"
)
REGISTRY = "loaded_files"
PIPELINE = "elt_summary_files"
BATCH_ROWS = 100_000
# How dlt hands rows over: in bulk.
LOADER_FORMAT = {"duckdb": "parquet", "postgres": "csv"}
DOWNLOAD_BYTES = 1 << 20
HTTP_SECONDS = 60

# Types as dlt names them, by our own.
NAME = "character varying"
DLT_TYPES = {
    NAME: {"data_type": "text"},
    ID: {"data_type": "text", "precision": ID_LENGTH},
    INTEGER: {"data_type": "bigint", "precision": 32},
    BOOLEAN: {"data_type": "bool"},
    TIME: {"data_type": "timestamp", "timezone": False},
}
# What a Parquet file may have in a column, and how it is written for the check of its rows.
ARROW_TYPES = {
    ID: ("text", pyarrow.string(), lambda t: t in (pyarrow.string(), pyarrow.large_string())),
    INTEGER: ("a whole number", pyarrow.int64(), pyarrow.types.is_integer),
    BOOLEAN: ("boolean", pyarrow.bool_(), pyarrow.types.is_boolean),
    TIME: ("a timestamp", None, pyarrow.types.is_timestamp),
}


@dataclass(frozen=True)
class File:
    """A file of the source.

    Attributes:
        name: by which it is known among all files ever loaded.
        table: the raw table.
        path: where it is read.
        shown: where it came from, for messages.
        checksum: SHA-256 of its bytes.
    """

    name: str
    table: str
    path: Path
    shown: str
    checksum: str


def main(argv=None):
    """Load as the command line says; returns the exit code: 0 loaded, 1 nothing was loaded."""
    options = parse_arguments(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="elt_summary_load_") as scratch:
            summary = load(options, Path(scratch))
    except KeyboardInterrupt:
        print("load_files: interrupted", file=sys.stderr)
        return 130
    except (LoadError, DbtBaseException, duckdb.Error, psycopg2.Error, OSError) as error:
        print(f"load_files: {one_line(error)}", file=sys.stderr)
        return 1
    print(summary)
    return 0


def parse_arguments(argv):
    """The options; argparse exits with 2 when they are unusable."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", 1)[0],
        epilog="The connection is the one of dbt's profile elt_summary.",
    )
    parser.add_argument("source", help="folder or http(s) address of the files, {day} in it or not")
    parser.add_argument("--day", type=day_of, help="day of the delivery, as 2019-07-01")
    parser.add_argument("--target", help="dbt target, duckdb or postgres (default: the profile's)")
    parser.add_argument("--schema", default=DEFAULT_SCHEMA, help="default: %(default)s")
    parser.add_argument("--profiles-dir", type=Path, help="folder with profiles.yml")
    options = parser.parse_args(argv)
    if "{day}" in options.source and options.day is None:
        parser.error("the source has {day} in it; say which with --day 2019-07-01")
    return options


def day_of(text):
    """A day that exists, as text; for argparse."""
    return date.fromisoformat(text).isoformat()


def load(options, scratch):
    """Load what is new or has changed.

    Args:
        options: from parse_arguments.
        scratch: an empty folder.

    Returns:
        What was done, in words.

    Raises:
        LoadError, or an error of dbt or of the engine. Unless dlt itself failed half-way, which the
        message then says, nothing was loaded.
    """
    profile = read_profile(options.target, options.profiles_dir)
    credentials = profile.credentials
    check_options(options, profile)
    files = find_files(options, scratch)
    known = known_files(credentials, options.schema)
    changed = [file for file in files if known.get(file.name) != file.checksum]
    if not changed:
        return f"Nothing to load: none of {len(files)} files is new or has changed."
    batches = [(file, *checked_rows(file, scratch)) for file in changed]
    still_the_same(changed)
    remove_emptied(credentials, options.schema, batches)
    run_pipeline(credentials, options.schema, batches, scratch)
    add_indexes(credentials, options.schema)
    counts = ", ".join(f"{file.name} {count:,}" for file, _, count in batches)
    return (
        f"Loaded into schema {options.schema} what was new or had changed, {len(changed)} of"
        f" {len(files)} files, with so many rows: {counts}"
    )


# --- the files ----------------------------------------------------------------------------------


def find_files(options, scratch):
    """The files of the source, at least one for each table.

    Raises:
        LoadError: the source, or a table's file, is missing, or there are two of one name.
    """
    source = options.source.replace("{day}", options.day or "")
    is_address = re.match("https?://", source)
    paths = download(source, scratch) if is_address else files_in_folder(Path(source))
    files, prefix = {}, f"{options.day}/" if options.day else ""
    for path in paths:
        found = FILE_PATTERN.fullmatch(path.name)
        shown = f"{source.rstrip('/')}/{path.name}"
        name = prefix + found["stem"]
        if name in files:
            raise LoadError(
                f"{files[name].shown} and {path.name} are the same file in two formats; remove one"
            )
        files[name] = File(name, found["table"], path, shown, checksum(path))
    missing = sorted(set(TABLES) - {file.table for file in files.values()})
    if missing:
        raise LoadError(
            f"{source} lacks {', '.join(f'{table}.csv' for table in missing)}"
            " (or the same as .csv.gz or .parquet); has it been delivered?"
        )
    return list(files.values())


def files_in_folder(folder):
    """Paths of the files with a raw table's name, sorted."""
    if not folder.is_dir():
        raise LoadError(f"there is no folder {folder}; has it been delivered?")
    return sorted(
        path for path in folder.iterdir() if path.is_file() and FILE_PATTERN.fullmatch(path.name)
    )


def download(address, scratch):
    """Get each table's files; returns their paths.

    Raises:
        LoadError: the server does not answer, or not with the whole file.
    """
    folder = scratch / "downloaded"
    folder.mkdir()
    for table in TABLES:
        for ending in ENDINGS:
            name = f"{table}.{ending}"
            url = f"{address.rstrip('/')}/{name}"
            try:
                get(url, folder / name)
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                raise LoadError(f"cannot get {url}, try again: {one_line(error)}") from error
    return sorted(folder.iterdir())


def get(url, path):
    """Write what is at the address to the path; nothing if there is nothing (404, 410)."""
    # As it is: a .gz file would be unpacked on the way, and its length unknown.
    headers = {"Accept-Encoding": "identity"}
    client = requests.Client(request_timeout=HTTP_SECONDS, raise_for_status=False)
    with client.get(url, headers=headers, stream=True) as response:
        if response.status_code in (404, 410):
            return
        response.raise_for_status()
        # Fewer bytes than announced are an error here.
        with path.open("wb") as file:
            shutil.copyfileobj(response.raw, file, DOWNLOAD_BYTES)


def checksum(path):
    """SHA-256 of the file's bytes, as text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def still_the_same(files):
    """Stop if a file was written to while it was read.

    Raises:
        LoadError: which one.
    """
    for file in files:
        if checksum(file.path) != file.checksum:
            raise LoadError(f"{file.shown} is being written to; nothing was loaded, try again")


def checked_csv(file, scratch):
    """Check a file to its end; returns a Source, in CSV.

    Raises:
        LoadError: the file is damaged, or not as it must be, and where.
    """
    path = file.path
    try:
        if path.suffix == ".parquet":
            path = parquet_as_csv(file, scratch / f"{len(list(scratch.iterdir()))}.csv")
        source = Source(path, read_header(file.table, path))
        check_file(file.table, source, lambda count: None)
    except LoadError as error:
        # Downloaded and converted files are shown under the names under which they are known.
        raise LoadError(str(error).replace(str(path), file.shown)) from error
    return source


def checked_rows(file, scratch):
    """Rows of a file, checked to its end, as Parquet; returns its path and the number of rows."""
    source = checked_csv(file, scratch)
    path = scratch / f"{len(list(scratch.iterdir()))}.parquet"
    timestamp = TABLES[file.table].timestamp
    order = f" order by {quoted(timestamp)}" if timestamp else ""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        query = read_csv_sql(file.table, source) + order
        try:
            connection.execute(f"copy ({query}) to {literal(path)} (format parquet)")
        except duckdb.Error as error:
            raise LoadError(f"{file.shown}: {one_line(error)}") from error
        return path, connection.execute(f"select count(*) from {literal(path)}").fetchone()[0]


def parquet_as_csv(file, path):
    """Write a Parquet file as CSV, so that its rows are checked as all others are.

    Raises:
        LoadError: it cannot be read, or has other columns than the table.
    """
    columns = TABLES[file.table].columns
    try:
        parquet = pyarrow.parquet.ParquetFile(file.path)
        check_parquet_columns(file, parquet.schema_arrow)
        schema = pyarrow.schema(
            # Without a zone a time is UTC; one with a zone is written in UTC, with a Z. Finer than
            # microseconds is an error, not cut off.
            (
                name,
                ARROW_TYPES[kind][1]
                or pyarrow.timestamp("us", parquet.schema_arrow.field(name).type.tz),
            )
            for name, kind in columns.items()
        )
        with pyarrow.csv.CSVWriter(path, schema) as writer:
            for batch in parquet.iter_batches(BATCH_ROWS, columns=list(columns)):
                table = pyarrow.Table.from_batches([batch]).select(list(columns))
                writer.write_table(table.cast(schema))
    except pyarrow.ArrowException as error:
        raise LoadError(
            f"{path}: {one_line(error)}; the file is damaged, cut off or no Parquet, get it again"
        ) from error
    return path


def check_parquet_columns(file, schema):
    """Raise LoadError if these are not the table's columns."""
    columns = TABLES[file.table].columns
    problems = [f"missing {name}" for name in columns if name not in schema.names]
    problems += [f"unexpected {name}" for name in schema.names if name not in columns]
    for name, kind in columns.items():
        wanted, _, is_right = ARROW_TYPES[kind]
        if name in schema.names and not is_right(schema.field(name).type):
            problems.append(f"{name} is {schema.field(name).type}, must be {wanted}")
    if problems:
        raise LoadError(
            f"{file.shown}: the columns must be {', '.join(columns)}; {'; '.join(problems)}"
        )


# --- the warehouse ------------------------------------------------------------------------------


@contextmanager
def connection_to(credentials):
    """A connection to the warehouse, and a function that runs a query and returns its rows."""
    if credentials.type == "duckdb":
        connection = connect_duckdb(credentials)
        try:
            yield connection, lambda sql: connection.execute(sql).fetchall()
        finally:
            connection.close()
        return
    connection = connect_postgres(credentials)

    def rows(sql):
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []

    try:
        with connection, connection.cursor() as cursor:
            if credentials.role:
                cursor.execute(f"set role {quoted(credentials.role)}")
            yield connection, rows
    finally:
        connection.close()


def known_files(credentials, schema):
    """Checksums of the files that are loaded, by name.

    Raises:
        LoadError: raw tables are there that another loader made.
    """
    with connection_to(credentials) as (_, rows):
        found = rows(
            "select table_name, column_name from information_schema.columns"
            f" where table_schema = '{schema}'"
        )
        columns = {}
        for table, column in found:
            columns.setdefault(table, set()).add(column)
        foreign = sorted(
            table for table in TABLES if table in columns and "source_file" not in columns[table]
        )
        if foreign:
            raise LoadError(
                f"{', '.join(f'{schema}.{table}' for table in foreign)}: made by another loader,"
                " without the column source_file; drop these tables, or load into another schema"
                " with --schema"
            )
        if REGISTRY not in columns or not all(table in columns for table in TABLES):
            return {}
        # dlt writes status 0 last of all: a load that died half-way is not among them.
        return dict(
            rows(
                f"select name, checksum from {quoted(schema, REGISTRY)} where _dlt_load_id in"
                f" (select load_id from {quoted(schema, '_dlt_loads')} where status = 0)"
            )
        )


def remove_emptied(credentials, schema, batches):
    """Delete what files brought before that have no rows any more: dlt replaces what comes anew,
    and where nothing comes, nothing tells it."""
    emptied = [file for file, _, count in batches if count == 0]
    if not emptied:
        return
    with connection_to(credentials) as (_, rows):
        there = rows(
            "select table_name from information_schema.columns"
            f" where table_schema = '{schema}' and column_name = 'source_file'"
        )
        for file in emptied:
            if (file.table,) in there:
                rows(
                    f"delete from {quoted(schema, file.table)}"
                    f" where source_file = {literal(file.name)}"
                )


def run_pipeline(credentials, schema, batches, scratch):
    """Hand the files to dlt, in one load.

    Args:
        credentials: dbt's.
        schema: of the raw tables.
        batches: for each file, the File, the path of its checked rows as Parquet, their number.
        scratch: a folder.

    Raises:
        LoadError: dlt could not load them.
    """
    # What an earlier run left on this machine has no say; what was loaded stands in the warehouse.
    pipeline = dlt.pipeline(
        PIPELINE,
        pipelines_dir=str(scratch / "dlt"),
        destination=destination(credentials),
        dataset_name=schema,
    )
    dlt.config["load.truncate_staging_dataset"] = True
    tables = sorted({file.table for file, _, _ in batches})
    resources = [
        table_resource(table, [batch for batch in batches if batch[0].table == table])
        for table in tables
    ]
    try:
        pipeline.run(
            [*resources, registry_resource(batches)],
            loader_file_format=LOADER_FORMAT[credentials.type],
        )
    except PipelineStepFailed as error:
        reason = one_line(error.__cause__ or error)
        raise LoadError(
            f"dlt could not load ({error.step}): {reason}; run it again, it goes on from here"
        ) from error
    finally:
        # dlt keeps the last pipeline, and a folder that will be gone.
        pipeline.deactivate()


def table_resource(table, batches):
    """What dlt loads into a raw table: the rows of some files, which replace what these files
    brought before."""
    types = TABLES[table].columns | {"loaded_at": TIME, "source_file": NAME}
    columns = {name: dict(DLT_TYPES[kind]) for name, kind in types.items()}

    def rows():
        for file, path, _ in batches:
            parquet = pyarrow.parquet.ParquetFile(path)
            # Without rows, too: the table is to be there.
            yield with_origin(parquet.schema_arrow.empty_table(), file.name, load_time())
            for batch in parquet.iter_batches(BATCH_ROWS):
                yield with_origin(pyarrow.Table.from_batches([batch]), file.name, load_time())

    return dlt.resource(
        rows,
        name=table,
        columns=columns,
        merge_key="source_file",
        write_disposition={"disposition": "merge", "strategy": "delete-insert"},
    )


def with_origin(table, name, loaded_at):
    """The rows with the two columns that say where they come from and since when they are there."""
    times = pyarrow.array([loaded_at] * len(table), pyarrow.timestamp("us"))
    names = pyarrow.array([name] * len(table), pyarrow.string())
    return table.append_column("loaded_at", times).append_column("source_file", names)


def registry_resource(batches):
    """What dlt notes of the files in loaded_files, a row for each."""

    def rows():
        for file, _, count in batches:
            yield {
                "name": file.name,
                "table_name": file.table,
                "checksum": file.checksum,
                "row_count": count,
                "loaded_at": load_time(),
            }

    return dlt.resource(
        rows,
        name=REGISTRY,
        columns={"loaded_at": dict(DLT_TYPES[TIME])},
        primary_key="name",
        write_disposition={"disposition": "merge", "strategy": "delete-insert"},
    )


def load_time():
    """The time of dlt's load under way, UTC: its load id is seconds since 1970."""
    load_id = dlt.current.load_package_state()["load_id"]
    return datetime.fromtimestamp(float(load_id), timezone.utc).replace(tzinfo=None)


def destination(credentials):
    """The warehouse, as dlt names it."""
    if credentials.type == "duckdb":
        return dlt.destinations.duckdb(str(PROJECT_ROOT / Path(credentials.path).expanduser()))
    query = {"sslmode": credentials.sslmode} if credentials.sslmode else {}
    return dlt.destinations.postgres(
        {
            "drivername": "postgresql",
            "host": credentials.host,
            "port": credentials.port,
            "username": credentials.user,
            "password": credentials.password,
            "database": credentials.database,
            "query": query,
        }
    )


def add_indexes(credentials, schema):
    """Give PostgreSQL the indexes by which the models look rows up."""
    if credentials.type != "postgres":
        return
    with connection_to(credentials) as (_, rows):
        for table, definition in TABLES.items():
            for column in filter(None, (definition.key, definition.indexed, "source_file")):
                rows(
                    f"create index if not exists {quoted(index_name(table, column))}"
                    f" on {quoted(schema, table)} ({quoted(column)})"
                )
            rows(f"analyze {quoted(schema, table)}")


if __name__ == "__main__":
    sys.exit(main())
