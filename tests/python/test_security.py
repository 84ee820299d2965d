"""Hostile values and secrets: what comes in by variables and environment, what must not get out."""

import json
import os
import re

import compare_with_reference
import load_raw
import pytest
import yaml
from configuration import connection_rules, variable_rules
from dbt.cli.main import dbtRunner
from raw import create_raw_tables
from warehouse import PROJECT_ROOT

QUIET = ["--log-level", "none", "--log-level-file", "none", "--no-write-json"]

# Refused in every variable and every environment variable.
HOSTILE = [
    "",
    " ",
    "raw_data; drop schema raw_data cascade; --",
    "x' or '1'='1",
    'x"; drop table channel; --',
    "x'); delete from channel; --",
    "--",
    "/* x */",
    "(select 1)",
    "$$x$$",
    "$(id)",
    # dbt renders the values of --vars; what comes out is checked.
    "{{ 7 * 7 }};",
    "{% raw %}",
    "..",
    "C:\\x",
    "x\ny",
    "x.duckdb\n",
    "\x1b[31mx",
    "ｒａｗ",
    "x\u202ey",
    "%s",
    "md:x",
    "s3://bucket/x.duckdb",
    "http://user:password@host/x.duckdb",
    "postgres://user:password@host/x",
    "null; --",
    "-1",
    "x" * 5000,
]
NAMES = ["1x", "a-b", "a.b", "x" * 64, "pg_catalog", "Information_Schema", "/tmp", "ünï", "#x"]
NOT_TEXT = [None, True, 1, 1.5, ["x"], {"x": 1}]
WRONG_NUMBERS = [None, True, "1", "ten", [1], {"x": 1}, -1, float("nan"), float("inf"), 1e300]
WRONG_DAYS = [None, True, 20190101, ["2019-01-01"], {"x": 1}, "2019-02-29", "2019-13-01"]
WRONG_DAYS += ["0000-01-01", "2019-1-1", "01.02.2019", "2019-01-01 10:00:00", "now()", "infinity"]

# Refused in one variable, besides HOSTILE.
WRONG_VARIABLES = {
    "demo_data": [None, 0, 1, "true", "false", "no", [], {}],
    "raw_schema": NAMES + NOT_TEXT,
    "raw_database": ["a.b", "x" * 64, "/tmp", "#x", *NOT_TEXT[1:]],
    "loaded_at_column": ["1x", "a-b", "a.b", "x" * 64, "now()", "a, b", *NOT_TEXT[1:]],
    "top_revenue_users_limit": [*WRONG_NUMBERS, 0, 1.5, 10**9],
    "max_rejected_percent": [*WRONG_NUMBERS, 100.1],
    "max_empty_days": [*WRONG_NUMBERS, 0.5],
    "earliest_day": WRONG_DAYS,
    "latest_day": WRONG_DAYS,
}
# The last one of each is a byte that is no UTF-8.
WRONG_ENVIRONMENT = {
    "DBT_SCHEMA": [*NAMES, "x\udcff"],
    "DBT_DUCKDB_PATH": [".", "/", "/tmp", "data/", "//host/x.duckdb", "#x.duckdb", "?x.duckdb"]
    + ["x.duckdb?y", "x'y.duckdb", 'x"y.duckdb', "x;y.duckdb", ":memory:", ".duckdb"]
    + ["ducklake:x.duckdb", "file:x.duckdb", "~root/x.duckdb", "x*.duckdb", "\udcff.duckdb"],
    "DBT_POSTGRES_HOST": ["host:5432", "a b", "@x", "h1,h2", "/tmp;x", "host/x", "::x::"],
    "DBT_POSTGRES_PORT": ["0", "65536", "5432.0", "1e3", "5432 ", "0x1538", "5432\udcff"],
    "DBT_POSTGRES_USER": ["a b", "x" * 64, "/tmp", "ünï", "#x", ".x", "x\udcff"],
    "DBT_POSTGRES_DATABASE": ["a.b", "x" * 64, "/tmp", "ünï", "#x", "x\udcff"],
}
# What people do use.
FRIENDLY_VARIABLES = {
    "demo_data": [True, False],
    "raw_schema": ["raw_data", "_RAW2", "x" * 63],
    "raw_database": [None, "warehouse", "my-database_1"],
    "loaded_at_column": [None, "loaded_at", "_SDC_BATCHED_AT"],
    "top_revenue_users_limit": [1, 10, 1000000],
    "max_rejected_percent": [0, 0.5, 100],
    "max_empty_days": [0, 7],
    "earliest_day": ["1900-01-01", "2016-02-29"],
    "latest_day": ["2099-12-31", "9999-12-31"],
}
FRIENDLY_ENVIRONMENT = {
    "DBT_SCHEMA": ["analytics", "dbt_cloud_pr_12_34", "Analytics"],
    "DBT_DUCKDB_PATH": ["../x.db", "~/a b/my ware.house-1.duckdb"]
    + ["/home/jürgen//./.x_(2)+a@b,c=d%20.duckdb"],
    "DBT_POSTGRES_HOST": ["db-1.my_net.com", "10.0.0.1", "fe80::1", "/var/run/postgresql"],
    "DBT_POSTGRES_PORT": ["1", "5432", "65535"],
    "DBT_POSTGRES_USER": ["postgres", "a.b@company", "svc-dbt+x"],
    "DBT_POSTGRES_DATABASE": ["postgres", "my-database_1", "1st"],
}


def values_by_round(wrong, common=()):
    """Dicts of one value for each name, until every value of every name had its turn."""
    lists = {name: [*common, *values] for name, values in wrong.items()}
    for turn in range(max(map(len, lists.values()))):
        yield {name: values[turn % len(values)] for name, values in lists.items()}


def environment_of(engine, wrong):
    """Those of the environment variables that this engine's target reads."""
    used = {rule["set_by"] for rule in connection_rules(engine).values()}
    return {name: value for name, value in wrong.items() if name in used}


class Project:
    """Runs dbt in this process, in a folder of its own."""

    def __init__(self, warehouse, folder, monkeypatch):
        self.warehouse = warehouse
        self.folder = folder / "current"
        self.folder.mkdir()
        self._monkeypatch = monkeypatch
        monkeypatch.chdir(self.folder)
        for name in [name for name in os.environ if name.startswith("DBT_")]:
            monkeypatch.delenv(name)
        self.set(warehouse.environment)

    def set(self, environment):
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)

    def dbt(self, command, variables):
        """The exception that ended dbt, on one line; empty if it succeeded."""
        given = {"raw_schema": self.warehouse.raw_schema} | variables
        outcome = dbtRunner().invoke(
            [*QUIET, command, "--project-dir", str(PROJECT_ROOT)]
            + ["--target", self.warehouse.engine, "--vars", json.dumps(given)]
        )
        if outcome.success:
            return ""
        return " ".join(str(outcome.exception or outcome.result).split())

    def state(self):
        """What the database holds, and the files that lie around."""
        self.set(self.warehouse.environment)
        tables = self.warehouse.query(
            "select table_schema, table_name from information_schema.tables order by 1, 2"
        )
        schemas = self.warehouse.query("select schema_name from information_schema.schemata")
        return tables, sorted(schemas), sorted(self.folder.rglob("*"))


@pytest.fixture
def project(warehouse, tmp_path, monkeypatch):
    create_raw_tables(warehouse)
    return Project(warehouse, tmp_path, monkeypatch)


def test_every_value_that_comes_in_has_a_rule():
    """Guards against: a variable or environment variable that nobody thought of."""
    variables = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text())["vars"]
    assert set(variable_rules()) == set(variables) == set(WRONG_VARIABLES)
    profiles = (PROJECT_ROOT / "profiles.yml.example").read_text()
    named = set(re.findall(r"env_var\('(\w+)'", profiles)) - {"DBT_ENV_SECRET_POSTGRES_PASSWORD"}
    assert named == set(WRONG_ENVIRONMENT)
    assert len(HOSTILE) >= 20


def test_hostile_values(project, engine):
    """Guards against: SQL, quotes, paths and nonsense that reach a query, a file or a server; a
    message that does not say which value it was, or that repeats it (it may hold a password)."""
    environment = environment_of(engine, WRONG_ENVIRONMENT)
    wrong = WRONG_VARIABLES | environment
    before = project.state()
    for values in values_by_round(wrong, HOSTILE):
        project.set({name: values[name] for name in environment})
        message = project.dbt("build", {name: values[name] for name in WRONG_VARIABLES})
        accepted = {
            name: values[name]
            for name in wrong
            if not re.search(rf"variable {name} (\(.*?\) )?must be ", message)
        }
        assert accepted == {}, message
        assert "Nothing was changed" in message and "password" not in message.split("must be")[0]
        assert "user:password" not in message
    assert project.state() == before


def test_each_value_alone_stops_the_run(project, engine):
    """Guards against: a value that is refused only together with another."""
    environment = environment_of(engine, WRONG_ENVIRONMENT)
    # Variables are the same on every engine; once is enough.
    variables = WRONG_VARIABLES if engine == "duckdb" else {}
    before = project.state()
    for name in [*variables, *environment]:
        project.set(project.warehouse.environment)
        if name in environment:
            project.set({name: HOSTILE[2]})
        message = project.dbt("build", {name: HOSTILE[2]} if name in variables else {})
        assert re.findall(r"variable (\w+)[^;]*? must be ", message) == [name], message
    assert project.state() == before


def test_friendly_values(project, engine):
    """Guards against: rules that lock people out."""
    environment = environment_of(engine, FRIENDLY_ENVIRONMENT)
    for values in values_by_round(FRIENDLY_VARIABLES | environment):
        project.set({name: values[name] for name in environment})
        assert project.dbt("parse", {name: values[name] for name in FRIENDLY_VARIABLES}) == ""


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_unknown_variable(project):
    """Guards against: a misspelt variable that dbt ignores, so that the run does something else."""
    message = project.dbt("build", {"demo_daat": False, "x\x1b[2J": 1})
    assert 'there is no variable "demo_daat"' in message and "the variables are demo_data" in message
    assert "\x1b" not in message


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_days_in_the_wrong_order(project):
    """Guards against: bounds between which no day lies, so that every row is rejected."""
    message = project.dbt("build", {"earliest_day": "2020-01-01", "latest_day": "2019-12-31"})
    assert "earliest_day must not lie after latest_day" in message


def test_hostile_values_by_command_line(warehouse):
    """Guards against: a difference between dbt's command line and the calls of the tests above; a
    check that dbt skips because it parsed the same project before."""
    create_raw_tables(warehouse)
    warehouse.dbt("parse")
    cases = [
        ("raw_schema", {"vars": {"raw_schema": HOSTILE[2]}}),
        ("DBT_SCHEMA", {"extra_env": {"DBT_SCHEMA": HOSTILE[2]}}),
    ]
    for name, hostile in cases:
        result = warehouse.dbt("build", check=False, **hostile)
        assert result.returncode == 2 and f"variable {name}" in result.stdout
    schemas = warehouse.query(
        "select schema_name from information_schema.schemata where schema_name like '%drop%'"
    )
    assert schemas == []


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_build_in_a_file_with_an_unusual_name(warehouse, tmp_path):
    """Guards against: a path that the rules allow and SQL does not."""
    folder = tmp_path / "a b (2)+c@d,e=f%20"
    folder.mkdir()
    path = folder / "my-ware house, (2)+a@b=c%20.x.duckdb"
    tables_only = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
    warehouse.dbt("build", *tables_only, extra_env={"DBT_DUCKDB_PATH": str(path)})
    assert path.is_file()


def test_scripts_refuse_hostile_values(project, engine, capsys):
    """Guards against: a loader or a comparison with other rules than dbt's."""
    environment = environment_of(engine, WRONG_ENVIRONMENT)
    before = project.state()
    folder = str(project.folder)
    for name, values in environment.items():
        for value in [*HOSTILE, *values]:
            project.set(project.warehouse.environment | {name: value})
            assert load_raw.main([folder, "--target", engine]) == 1
            message = capsys.readouterr().err
            assert f"variable {name} must be " in message, (value, message)
    project.set(project.warehouse.environment)
    for value in [*HOSTILE, *NAMES]:
        assert load_raw.main([folder, "--target", engine, f"--schema={value}"]) == 1
        assert "--schema must be a name of letters" in capsys.readouterr().err, value
    for name, options in [
        ("raw_schema", ["--vars", json.dumps({"raw_schema": HOSTILE[2]})]),
        ("DBT_SCHEMA", []),
    ]:
        if not options:
            project.set({name: HOSTILE[2]})
        with pytest.raises(SystemExit, match="2"):
            compare_with_reference.main(
                ["--project-dir", str(PROJECT_ROOT), "--target", engine, *options]
            )
        assert f"variable {name}" in capsys.readouterr().err
    assert project.state() == before
