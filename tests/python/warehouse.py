"""A warehouse of its own for one test: two schemas on DuckDB or PostgreSQL, and dbt."""

import json
import os
import shutil
import sys
import uuid
from pathlib import Path

import duckdb
from dbt_process import run_dbt

PROJECT_ROOT = Path(__file__).resolve().parents[2]
# Beside this interpreter, links unresolved: that is the virtual environment's dbt. Airflow's tests run
# in an environment without it.
DBT = Path(sys.executable).parent / "dbt"
if not DBT.exists():
    DBT = PROJECT_ROOT / ".venv/bin/dbt"

# The defaults of profiles.yml.example.
POSTGRES_DEFAULTS = {
    "DBT_POSTGRES_HOST": "localhost",
    "DBT_POSTGRES_PORT": "5432",
    "DBT_POSTGRES_USER": "postgres",
    "DBT_POSTGRES_DATABASE": "postgres",
    "DBT_ENV_SECRET_POSTGRES_PASSWORD": "",
}


class Warehouse:
    """A place for one test's raw tables and marts.

    Args:
        engine: "duckdb" or "postgres"; also the dbt target.
        folder: a folder for this test only.
        postgres_environment: the five variables of POSTGRES_DEFAULTS; needed for postgres.
        schema: name of the schema that dbt writes to; None: a new, unique one.
        raw_schema: name of the schema of the raw tables; None: a new, unique one.
        duckdb_path: database file to use; None: a new one in the folder.

    Attributes:
        engine: as given.
        schema: name of the schema that dbt writes to; a new one nobody else uses.
        raw_schema: name of the schema for raw tables; a new one does not exist yet.
        environment: variables that dbt and the loader need to find this warehouse.
        duckdb_path: the database file; None on postgres.
    """

    def __init__(
        self,
        engine,
        folder,
        postgres_environment=None,
        *,
        schema=None,
        raw_schema=None,
        duckdb_path=None,
    ):
        suffix = uuid.uuid4().hex[:12]
        self.engine = engine
        self.schema = schema or f"analytics_{suffix}"
        self.raw_schema = raw_schema or f"raw_{suffix}"
        self.duckdb_path = None
        profiles = folder / "profiles"
        profiles.mkdir()
        shutil.copy(PROJECT_ROOT / "profiles.yml.example", profiles / "profiles.yml")
        self.environment = {
            "DBT_SCHEMA": self.schema,
            "DBT_PROFILES_DIR": str(profiles),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        if engine == "duckdb":
            self.duckdb_path = duckdb_path or folder / "warehouse.duckdb"
            self.environment["DBT_DUCKDB_PATH"] = str(self.duckdb_path)
        else:
            self.environment |= postgres_environment

    def query(self, sql):
        """Rows of a query, as a list of tuples."""
        return self._run(sql, fetch=True)

    def execute(self, sql):
        """Run and commit a statement; several may be separated by semicolons."""
        self._run(sql, fetch=False)

    def child_environment(self, extra=None):
        """Environment for a child process: ours without its DBT_* variables, then the warehouse's.

        Args:
            extra: more variables, which win.
        """
        outer = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
        return outer | self.environment | (extra or {})

    def dbt_command(self, *args, vars=None):
        """Command line for dbt on this warehouse; see dbt() for the arguments."""
        return [
            str(DBT),
            *args,
            "--target",
            self.engine,
            "--vars",
            json.dumps({"raw_schema": self.raw_schema} | (vars or {})),
        ]

    def dbt(self, *args, check=True, vars=None, extra_env=None):
        """Run dbt in the project root.

        Args:
            args: command and options, such as "build", "--select", "staging".
            check: fail, with everything dbt printed, unless it exits with 0.
            vars: project variables; raw_schema is this warehouse's unless given.
            extra_env: more environment variables.

        Returns:
            subprocess.CompletedProcess with stdout and stderr as text.

        Raises:
            AssertionError: dbt failed and check is true.
        """
        command = self.dbt_command(*args, vars=vars)
        result = run_dbt(command, PROJECT_ROOT, self.child_environment(extra_env))
        if check and result.returncode != 0:
            raise AssertionError(
                f"dbt {' '.join(args)} exited with {result.returncode}\n"
                f"{result.stdout}\n{result.stderr}"
            )
        return result

    def drop(self):
        """Drop the schemas, also those that dbt derived from their names. DuckDB: its file goes
        with the test's folder."""
        if self.engine == "postgres":
            names = self.query(
                "select nspname from pg_namespace"
                f" where starts_with(nspname, '{self.schema}')"
                f" or starts_with(nspname, '{self.raw_schema}')"
            )
            for (name,) in names:
                self.execute(f'drop schema if exists "{name}" cascade')

    def tables(self, schema):
        """Names of the tables in a schema, without its views."""
        rows = self.query(
            "select table_name from information_schema.tables"
            f" where table_schema = '{schema}' and table_type = 'BASE TABLE'"
        )
        return [name for (name,) in rows]

    def drop_table(self, schema, name):
        """Drop a table, if it exists, and the views that read it."""
        self.execute(f"drop table if exists {schema}.{name} cascade")

    def replace_rows(self, tables):
        """Make raw tables hold these rows, in one transaction.

        Args:
            tables: dict of table name to a list of rows as SQL text, "(1, 'a'), (2, 'b')" as two.
        """
        statements = ["begin"]
        for table, rows in tables.items():
            name = f"{self.raw_schema}.{table}"
            statements.append(f"delete from {name}")
            if rows:
                statements.append(f"insert into {name} values {', '.join(rows)}")
        self.execute("; ".join([*statements, "commit"]))

    def _run(self, sql, fetch):
        # Open only for one statement: dbt needs the DuckDB file to itself.
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            return cursor.fetchall() if fetch else None
        finally:
            connection.close()

    def connect(self):
        """An open connection; on postgres with autocommit. Close it before dbt runs on DuckDB."""
        if self.engine == "duckdb":
            return duckdb.connect(str(self.duckdb_path))
        # Not in the environment of the target spark, which needs none of it.
        import psycopg2

        connection = psycopg2.connect(
            host=self.environment["DBT_POSTGRES_HOST"],
            port=self.environment["DBT_POSTGRES_PORT"],
            user=self.environment["DBT_POSTGRES_USER"],
            dbname=self.environment["DBT_POSTGRES_DATABASE"],
            password=self.environment["DBT_ENV_SECRET_POSTGRES_PASSWORD"],
        )
        connection.autocommit = True
        return connection
