"""Where the benchmark runs: an engine, a folder, schemas with a prefix of their own."""

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psycopg2
import psycopg2.extensions
import psycopg2.extras
from load_raw import quoted
from postgres_server import PostgresServer, PostgresServerError
from warehouse import POSTGRES_DEFAULTS, Warehouse

from benchmarks import PROJECT_ROOT, raw_data

SETTINGS_FILE = PROJECT_ROOT / "docs" / "postgresql.conf"

# What of a server's settings decides how fast it is, and is told in the results.
REPORTED_SETTINGS = (
    "shared_buffers",
    "effective_cache_size",
    "work_mem",
    "hash_mem_multiplier",
    "maintenance_work_mem",
    "max_wal_size",
    "checkpoint_timeout",
    "random_page_cost",
    "max_parallel_workers_per_gather",
    "jit",
)


class BenchmarkError(Exception):
    """Why there is no result, in words for the person who started the benchmark."""


class Progress:
    """Lines on stderr with the time since the start; the last is rewritten on a terminal."""

    def __init__(self):
        self._started = time.monotonic()
        self._live = sys.stderr.isatty()
        self._lock = threading.Lock()

    def say(self, text):
        """A line that stays."""
        with self._lock:
            start = "\r\033[K" if self._live else ""
            print(f"{start}[{self._elapsed()}] {text}", file=sys.stderr, flush=True)

    def rewrite(self, text):
        """A line that the next one replaces; nothing when stderr is not a terminal."""
        if self._live:
            with self._lock:
                print(
                    f"\r\033[K[{self._elapsed()}] {text}", end="", file=sys.stderr, flush=True
                )

    def _elapsed(self):
        minutes, seconds = divmod(time.monotonic() - self._started, 60)
        return f"{minutes:3.0f}:{seconds:04.1f}"


def documented_settings():
    """The settings of docs/postgresql.conf, by name."""
    lines = SETTINGS_FILE.read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return {name.strip(): value.strip() for name, value in pairs}


class Place:
    """An engine with raw tables in it, and warehouses that read them.

    Args:
        engine: "duckdb" or "postgres".
        folder: an empty or kept folder for files and, on postgres, our own server.
        prefix: what the names of all schemas begin with.
        server: our own PostgresServer, or None.
        environment: the variables that dbt finds PostgreSQL with, or None.

    Attributes: as the arguments.
    """

    def __init__(self, engine, folder, prefix, server=None, environment=None):
        self.engine = engine
        self.folder = folder
        self.prefix = prefix
        self.server = server
        self.environment = environment
        self._admin = None

    @property
    def admin(self):
        """A Warehouse for queries that have nothing to do with dbt."""
        if self._admin is None:
            self._admin = self.warehouse("admin", self.schema("raw"))
        return self._admin

    def schema(self, name):
        """Name of the schema that the benchmark calls so."""
        return f"{self.prefix}_{name}"

    def warehouse(self, name, raw_schema):
        """A Warehouse whose marts are in the schema called `name`.

        Args:
            name: also the name of its folder, which holds profile, target and logs.
            raw_schema: schema of the raw tables.
        """
        folder = self.folder / "work" / name
        folder.mkdir(parents=True)
        return Warehouse(
            self.engine,
            folder,
            self.environment,
            schema=self.schema(name),
            raw_schema=raw_schema,
            duckdb_path=self.folder / "warehouse.duckdb",
        )

    def query(self, sql):
        """Rows of a query."""
        return self.admin.query(sql)

    def one(self, sql):
        """The only value of a query's only row."""
        return self.query(sql)[0][0]

    def execute(self, *statements):
        """Run and commit statements in one connection, each by itself."""
        with self.connection() as run:
            for statement in statements:
                run(statement)

    @contextmanager
    def connection(self):
        """A connection of its own, as a function that runs a statement and returns its rows."""
        connection = self.admin.connect()
        cursor = connection.cursor()

        def run(sql):
            cursor.execute(sql)
            # DuckDB computes a row when it is fetched.
            return cursor.fetchall() if cursor.description else []

        try:
            yield run
        finally:
            connection.close()

    def schemas(self):
        """Names of all schemas that belong to this benchmark."""
        rows = self.query("select distinct schema_name from information_schema.schemata")
        return sorted(name for (name,) in rows if self.prefix in name)

    def drop(self, *schemas):
        """Drop schemas if they exist."""
        self.execute(*(f"drop schema if exists {quoted(name)} cascade" for name in schemas))

    def settle(self):
        """Let our own server finish what earlier runs left to do, so that the next does not pay for
        it: the vacuum of a large table, which would start by itself within a minute, and writing
        to disk."""
        if self.server is not None:
            self.execute("vacuum", "checkpoint")

    def settings(self):
        """The engine's settings that decide how fast it is, by name."""
        if self.engine == "postgres":
            names = ", ".join(f"'{name}'" for name in REPORTED_SETTINGS)
            rows = self.query(
                "select name, current_setting(name) from pg_settings"
                f" where name in ({names}) order by name"
            )
        else:
            rows = self.query(
                "select name, value from duckdb_settings()"
                " where name in ('threads', 'memory_limit') order by name"
            )
        return dict(rows)

    def engine_version(self):
        """Name and version of the engine."""
        if self.engine == "postgres":
            return "PostgreSQL " + self.one("show server_version").split()[0]
        return f"DuckDB {duckdb.__version__}"

    def differences(self, query, other):
        """How many rows only one of two queries has, duplicates counted."""
        return self.one(
            f"select count(*) from (({query} except all {other})"
            f" union all ({other} except all {query})) as differences"
        )

    def has_data(self, schema, sessions):
        """Whether the schema holds the raw tables of so many sessions, whole."""
        if schema not in self.schemas():
            return False
        return all(
            self.one(f"select count(*) from {schema}.{table}") == sessions
            for table in ("user_session_channel", "session_timestamp")
        )

    def generate(self, schema, sessions, progress):
        """Make raw tables, with keys, indexes and statistics as `make load` makes them.

        Args:
            schema: name of their schema; what it held is gone.
            sessions: how many sessions.
            progress: Progress.
        """
        started = time.monotonic()
        self.drop(schema)
        self.execute(*raw_data.setup_statements(schema))
        inserts = raw_data.insert_statements(self.engine, schema, sessions)
        finish = raw_data.finish_statements(self.engine, schema)
        done = dict.fromkeys(inserts, 0)
        interrupted = threading.Event()

        def fill(table):
            with self.connection() as run:
                for statement, count in inserts[table]:
                    if interrupted.is_set():
                        return
                    run(statement)
                    done[table] += count
                    shares = [
                        f"{name} {100 * done[name] // sessions} %"
                        for name in inserts
                        if name != "channel"
                    ]
                    progress.rewrite("generating " + ", ".join(shares))
                for statement in finish[table]:
                    progress.rewrite(f"{table}: {statement.split(' ' + quoted(schema))[0]} ...")
                    run(statement)

        # PostgreSQL fills a table with one core, DuckDB with all.
        with ThreadPoolExecutor(1 if self.engine == "duckdb" else 2) as pool:
            try:
                list(pool.map(fill, sorted(inserts, reverse=True)))
            except BaseException:
                interrupted.set()
                raise
        seconds = time.monotonic() - started
        progress.say(f"generated {sessions:,} sessions in {seconds:.1f} s")


@contextmanager
def place_for(engine, sessions, settings="documented", keep_in=None, parent=None):
    """A Place, gone at the end with all that was made in it.

    Args:
        engine: "duckdb" or "postgres".
        sessions: how many sessions it is for.
        settings: "documented" or "default", for a PostgreSQL server of our own.
        keep_in: folder in which raw tables stay for the next time; None: nothing stays.
        parent: folder for the temporary folder; None: the system's.

    Raises:
        BenchmarkError: something cannot be had as asked.
    """
    own_server = engine == "postgres" and "DBT_POSTGRES_HOST" not in os.environ
    if keep_in and engine == "postgres" and not own_server:
        raise BenchmarkError(
            "--keep-data is for the benchmark's own server, but DBT_POSTGRES_HOST is set;"
            " unset it, or leave out --keep-data"
        )
    temporary = None
    if keep_in:
        folder = Path(keep_in).resolve() / engine
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder / "work", ignore_errors=True)
        prefix = f"bench_{raw_data.digest(engine, sessions)}"
    else:
        temporary = tempfile.mkdtemp(prefix="elt_summary_bench_", dir=parent)
        folder = Path(temporary)
        prefix = f"bench_{uuid.uuid4().hex[:8]}"
    place = server = None
    # So that Ctrl-C ends a query of PostgreSQL instead of waiting for it.
    psycopg2.extensions.set_wait_callback(psycopg2.extras.wait_select)
    try:
        environment = None
        if own_server:
            # initdb wants the folder to itself, and the server's user must get at it.
            folder.chmod(0o755)
            server = start_server(folder, settings)
            environment = server.environment
        elif engine == "postgres":
            environment = {
                name: os.environ.get(name, value) for name, value in POSTGRES_DEFAULTS.items()
            }
        place = Place(engine, folder, prefix, server, environment)
        if keep_in:
            # What was kept for another number of sessions.
            rows = place.query("select distinct schema_name from information_schema.schemata")
            names = [name for (name,) in rows if "bench_" in name and prefix not in name]
            place.drop(*names)
        yield place
    finally:
        # Whoever presses Ctrl-C again would leave half of it.
        for interrupt in (signal.SIGINT, signal.SIGTERM):
            signal.signal(interrupt, signal.SIG_IGN)
        try:
            if place is not None:
                clean_up(place, keep=bool(keep_in))
        finally:
            if server is not None:
                server.close()
            if temporary:
                shutil.rmtree(temporary, ignore_errors=True)


def start_server(folder, settings):
    """A PostgreSQL server of our own with its data in a folder; settings as in place_for()."""
    try:
        own = documented_settings() if settings == "documented" else {}
        server = PostgresServer(folder / "server", own)
        try:
            return server.start()
        except BaseException:
            server.close()
            raise
    except PostgresServerError as error:
        hint = ""
        if os.geteuid() == 0 and "Permission denied" in str(error):
            hint = (
                " -- for root the server runs as the user nobody, who must be able to enter the"
                " folder of --folder or --keep-data and all above it: chmod o+x"
            )
        raise BenchmarkError(f"{error}{hint}") from error


def clean_up(place, keep):
    """Drop all schemas of the benchmark, except, when asked, those of the raw tables."""
    kept = [place.schema("raw"), place.schema("raw_tenth")] if keep else []
    if place.engine == "postgres" and place.server is None or keep:
        try:
            place.drop(*(name for name in place.schemas() if name not in kept))
        except (psycopg2.Error, duckdb.Error) as error:
            raise BenchmarkError(
                f"could not drop the benchmark's schemas, whose names contain {place.prefix}:"
                f" {str(error).strip()}"
            ) from error
    shutil.rmtree(place.folder / "work", ignore_errors=True)
