"""SQLMesh: the same marts, incremental by time range where its documentation advises it.

It runs in a virtual environment of its own, because it wants an older DuckDB, which cannot read our
file: on DuckDB it has its own file with the same rows in it.
"""

import json
import os
import shutil
import subprocess

import oracle

from benchmarks import PROJECT_ROOT, raw_data
from benchmarks.measure import measure
from benchmarks.place import BenchmarkError
from benchmarks.raw_data import LAST_DAY

FOLDER = PROJECT_ROOT / "benchmarks" / "sqlmesh_project"
ENVIRONMENT = PROJECT_ROOT / ".venv-sqlmesh"

# What the files in FOLDER call the schemas.
RAW, MARTS = "raw_data", "summaries"


def check_installed():
    """Stop if SQLMesh is not there.

    Raises:
        BenchmarkError: what to do about it.
    """
    if not (ENVIRONMENT / "bin" / "sqlmesh").exists():
        raise BenchmarkError(
            "SQLMesh is not installed; run: python3 -m venv .venv-sqlmesh &&"
            " .venv-sqlmesh/bin/pip install -r requirements/sqlmesh.txt -- or leave it out, --only"
        )


def versions(engine):
    """Versions of SQLMesh and, on DuckDB, of the DuckDB that it runs with, by name."""
    code = (
        "import importlib.metadata as m, json;"
        " print(json.dumps([m.version('sqlmesh'), m.version('duckdb')]))"
    )
    printed = subprocess.run(
        [ENVIRONMENT / "bin" / "python", "-c", code], text=True, capture_output=True, check=True
    ).stdout
    own, of_duckdb = json.loads(printed)
    return {"SQLMesh": own} | ({"SQLMesh's DuckDB": of_duckdb} if engine == "duckdb" else {})


class SqlMesh:
    """The project in benchmarks/sqlmesh_project, with names of its own in this place.

    Args:
        place: Place.
        raw_schema: name of the schema of the raw tables; on DuckDB they are made in its own file.
        sessions: how many sessions it is about.
        progress: Progress.
    """

    def __init__(self, place, raw_schema, sessions, progress):
        check_installed()
        self._place = place
        self._raw = raw_schema
        self._schema = place.schema("sqlmesh")
        self._project = place.folder / "work" / "sqlmesh"
        self._file = place.folder / "sqlmesh.duckdb"
        outer = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
        self._variables = outer | (place.environment or {}) | {
            "BENCHMARK_DUCKDB_PATH": str(self._file),
            "SQLMESH_HOME": str(place.folder / "work" / "sqlmesh_home"),
            "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true",
        }
        if place.engine == "duckdb":
            self._generate(sessions, progress)

    def first_build(self):
        """Build everything up to the day before the last, anew, with audits; returns the Cost."""
        self._place.settle()
        self._drop()
        shutil.rmtree(self._project, ignore_errors=True)
        models = self._project / "models"
        shutil.copytree(FOLDER / "models", models)
        shutil.copytree(FOLDER / self._place.engine, models, dirs_exist_ok=True)
        shutil.copy(FOLDER / "config.yaml", self._project)
        for path in (self._project / "config.yaml", *models.iterdir()):
            text = path.read_text(encoding="utf-8")
            text = text.replace(RAW, self._raw).replace(MARTS, self._schema)
            path.write_text(text, encoding="utf-8")
        # Their command line takes an end for a first plan only as "now".
        return self._run(
            "plan", "--auto-apply", "--no-prompts", "--execution-time", f"{LAST_DAY} 00:00:00"
        )

    def one_more_day(self):
        """Run the last day, with audits; returns the Cost."""
        self._place.settle()
        return self._run("run", "--end", str(LAST_DAY))

    def check_marts(self, marts):
        """Stop unless its marts equal ours, duplicates counted.

        Args:
            marts: name of the schema of ours.

        Raises:
            BenchmarkError: which differs.
        """
        for mart, columns in oracle.COLUMNS.items():
            listed = ", ".join(columns.split())
            ours = f"select {listed} from {marts}.{mart}"
            theirs = f"select {listed} from {self._schema}.{mart}"
            if self._place.engine == "duckdb":
                path = self._place.folder / "work" / f"{mart}.parquet"
                self._sql(f"copy ({theirs}) to '{path}' (format parquet)")
                theirs = f"select {listed} from read_parquet('{path}')"
            differences = self._place.differences(ours, theirs)
            if differences:
                raise BenchmarkError(f"{mart} of SQLMesh differs from ours in {differences:,} rows")

    def _run(self, *arguments):
        command = [ENVIRONMENT / "bin" / "sqlmesh", "--gateway", self._place.engine, *arguments]
        cost, output = measure(command, self._variables, self._project, self._place.server)
        if "Model batches executed" not in output:
            raise BenchmarkError(f"SQLMesh had nothing to do:\n{output}")
        return cost

    def _drop(self):
        names = (self._schema, f"{self._schema}_state", f"sqlmesh__{self._schema}")
        if self._place.engine == "postgres":
            self._place.drop(*names)
        else:
            self._sql(*(f"drop schema if exists {name} cascade" for name in names))

    def _generate(self, sessions, progress):
        table = f"table_schema = '{self._raw}' and table_name = 'session_timestamp'"
        (found,) = self._sql(f"select count(*) from information_schema.tables where {table}")
        if found[0][0]:
            (found,) = self._sql(f"select count(*) from {self._raw}.session_timestamp")
            if found[0][0] == sessions:
                return
        self._file.unlink()
        progress.say("generating the same rows for SQLMesh")
        inserts = raw_data.insert_statements("duckdb", self._raw, sessions)
        self._sql(
            *raw_data.setup_statements(self._raw),
            *(statement for table in inserts.values() for statement, _ in table),
        )

    def _sql(self, *statements):
        """Rows of each statement, run with the DuckDB that SQLMesh has."""
        script = PROJECT_ROOT / "benchmarks" / "run_sql.py"
        done = subprocess.run(
            [ENVIRONMENT / "bin" / "python", script, self._file],
            input=json.dumps(statements),
            text=True,
            capture_output=True,
        )
        if done.returncode != 0:
            raise BenchmarkError(f"SQLMesh's DuckDB: {done.stderr.strip()}")
        return json.loads(done.stdout)
