"""Hostile values and secrets: what comes in by variables and environment, what must not get out."""

import base64
import ipaddress
import json
import os
import re
import socket
import subprocess
import sys
import urllib.parse
import uuid
from pathlib import Path

import compare_with_reference
import load_raw
import pytest
import yaml
from configuration import connection_rules, follows, variable_rules
from dbt_here import dbtRunner
from postgres_server import PostgresServer
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
    + ["ducklake:x.duckdb", "file:x.duckdb", "~root/x.duckdb", "x*.duckdb", "\udcff.duckdb"]
    + ["x" * 2000 + ".duckdb"],
    "DBT_POSTGRES_HOST": ["host:5432", "a b", "@x", "h1,h2", "/tmp;x", "host/x", "::x::"],
    "DBT_POSTGRES_PORT": ["0", "65536", "5432.0", "1e3", "5432 ", "0x1538", "5432\udcff"],
    "DBT_POSTGRES_USER": ["a b", "x" * 64, "/tmp", "ünï", "#x", ".x", "x\udcff"],
    "DBT_POSTGRES_DATABASE": ["a.b", "x" * 64, "/tmp", "ünï", "#x", "x\udcff"],
    "DBT_REDSHIFT_HOST": ["host:5439", "a b", "@x", "h1,h2", "/tmp", "host/x", "::1", "x\udcff"],
    "DBT_REDSHIFT_PORT": ["0", "65536", "5439.0", "1e3", "5439 ", "0x1538", "5439\udcff"],
    "DBT_REDSHIFT_USER": ["a b", "x" * 128, "/tmp", "ünï", "#x", ".x", "x\udcff"],
    "DBT_REDSHIFT_DATABASE": ["a.b", "x" * 64, "/tmp", "ünï", "#x", "x\udcff"],
    "DBT_SPARK_HOST": ["host:10000", "a b", "@x", "h1,h2", "/tmp", "host/x", "::x::", "x\udcff"],
    "DBT_SPARK_PORT": ["0", "65536", "10000.0", "1e3", "10000 ", "0x1538", "10000\udcff"],
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
    "DBT_REDSHIFT_HOST": ["my-cluster.abc123.eu-west-1.redshift.amazonaws.com", "10.0.0.1"],
    "DBT_REDSHIFT_PORT": ["1", "5439", "65535"],
    "DBT_REDSHIFT_USER": ["awsuser", "IAM.x@company", "svc-dbt+x"],
    "DBT_REDSHIFT_DATABASE": ["dev", "my-database_1"],
    "DBT_SPARK_HOST": ["thrift-1.my_net.com", "10.0.0.1", "fe80::1"],
    "DBT_SPARK_PORT": ["1", "10000", "65535"],
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
        self._manifest = None
        monkeypatch.chdir(self.folder)
        for name in [name for name in os.environ if name.startswith("DBT_")]:
            monkeypatch.delenv(name)
        self.set(warehouse.environment)

    def set(self, environment):
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)

    def dbt(self, command, variables):
        """The exception that ended dbt, on one line; empty if it succeeded."""
        outcome = self._invoke(dbtRunner(), [command], variables)
        return "" if outcome.success else " ".join(str(outcome.exception).split())

    def dbt_after_parsing(self, variables):
        """As dbt(), of a command that parses only one query; parsing all takes ten times longer."""
        if self._manifest is None:
            self._manifest = self._invoke(dbtRunner(), ["parse"], {}).result
        said = []
        runner = dbtRunner(self._manifest, callbacks=[lambda event: said.append(event.info.msg)])
        if self._invoke(runner, ["compile", "--inline", "select 1"], variables).success:
            return ""
        return " ".join(" ".join(said).split())

    def _invoke(self, runner, command, variables):
        given = {"raw_schema": self.warehouse.raw_schema} | variables
        return runner.invoke(
            [*QUIET, *command, "--project-dir", str(PROJECT_ROOT)]
            + ["--target", self.warehouse.engine, "--vars", json.dumps(given)]
        )

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
    named = set(re.findall(r"env_var\('(\w+)'", profiles))
    secrets = {name for name in named if name.startswith("DBT_ENV_SECRET_")}
    assert len(secrets) == 2
    assert named - secrets == set(WRONG_ENVIRONMENT)
    assert len(HOSTILE) >= 20


def test_hostile_values(project, engine):
    """Guards against: SQL, quotes, paths and nonsense that reach a query, a file or a server; a
    message that does not say which value it was, or that repeats it (it may hold a password)."""
    environment = environment_of(engine, WRONG_ENVIRONMENT)
    wrong = WRONG_VARIABLES | environment
    before = project.state()
    assert project.dbt_after_parsing({}) == ""
    for values in values_by_round(wrong, HOSTILE):
        project.set({name: values[name] for name in environment})
        message = project.dbt_after_parsing({name: values[name] for name in WRONG_VARIABLES})
        accepted = {
            name: values[name]
            for name in wrong
            if not re.search(rf"variable {name} (\(.*?\) )?must be ", message)
        }
        assert accepted == {}, message
        assert "Nothing was changed" in message and "user:password" not in message
    assert project.state() == before


@pytest.mark.parametrize("cluster", ["redshift", "spark"])
def test_rules_of_a_cluster(cluster):
    """Guards against: values that reach a cluster, which no test here has, or that lock people out.
    That dbt asks these rules before it connects is in test_redshift.py."""
    for rule in connection_rules(cluster).values():
        name = rule["set_by"]
        for value in [*HOSTILE, *WRONG_ENVIRONMENT[name], *FRIENDLY_ENVIRONMENT.get(name, [])]:
            given = value
            if name.endswith("_PORT"):
                given = int(value) if value.isdecimal() else 0
            assert follows(given, rule) == (value in FRIENDLY_ENVIRONMENT[name]), (name, value)


def test_each_value_alone_stops_the_run(project, engine):
    """Guards against: a value that is refused only together with another; a check that comes after
    dbt has connected and created schemas."""
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
    assert 'there is no variable "demo_daat"' in message
    assert "the variables are demo_data" in message
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


def encodings(secret):
    """Every form in which a text could lie in a file."""
    raw = secret.encode()
    forms = {raw, raw.hex().encode()}
    forms |= {text[1:-1].encode() for text in (json.dumps(secret), repr(secret))}
    forms |= {quote(secret).encode() for quote in (urllib.parse.quote, urllib.parse.quote_plus)}
    forms.add(urllib.parse.quote(secret, safe="").encode())
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            # In the middle of something longer: only the characters that are the secret's alone.
            encoded = encode(b"\0" * offset + raw)
            forms.add(encoded[(0, 2, 3)[offset] : len(encoded) // 4 * 4 - 4])
    return forms


def files_that_hold(folder, secret):
    """Paths below a folder whose bytes hold the secret, and the number of files searched."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    forms = encodings(secret)
    found = {
        path
        for path in files
        for content in [path.read_bytes()]
        if any(form in content for form in forms)
    }
    return found, len(files)


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_password_is_found_nowhere(warehouse, tmp_path):
    """Guards against: a password in logs, artifacts, the docs site or what is printed, when all
    goes well and when it does not."""
    secret = f"Can/ary+ {uuid.uuid4().hex}%'x"
    role = f"canary_{uuid.uuid4().hex[:12]}"
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "user_session_channel.csv").write_text("userid,sessionid,channel\n1,a,Google\n")
    (raw / "session_timestamp.csv").write_text("sessionid,ts\na,2019-05-01 10:00:00\n")
    (raw / "session_transaction.csv").write_text("sessionid,refunded,amount\na,false,10\n")
    (raw / "channel.csv").write_text("channelname\nGoogle\n")
    hashed = secret.replace("'", "''")
    warehouse.execute(f"create role {role} login password '{hashed}'")
    for schema in (warehouse.schema, warehouse.raw_schema):
        warehouse.execute(f"create schema {schema}")
        warehouse.execute(f"grant usage, create on schema {schema} to {role}")
    login = {"DBT_POSTGRES_USER": role, "DBT_ENV_SECRET_POSTGRES_PASSWORD": secret}
    wrong_port = login | {"DBT_POSTGRES_PORT": "1"}
    printed = []

    def run(expected, command, environment):
        result = subprocess.run(
            command,
            cwd=PROJECT_ROOT,
            env=warehouse.child_environment(environment),
            text=True,
            capture_output=True,
        )
        assert (result.returncode == 0) == expected, (command, result.stdout[-2000:], result.stderr)
        printed.extend([result.stdout, result.stderr])

    def dbt(expected, *arguments, environment=login):
        run(expected, warehouse.dbt_command(*arguments, vars={"demo_data": False}), environment)

    def script(expected, name, *arguments, environment=login):
        options = [*arguments, "--target", "postgres"]
        run(expected, [sys.executable, str(PROJECT_ROOT / "scripts" / name), *options], environment)

    try:
        script(True, "load_raw.py", str(raw), f"--schema={warehouse.raw_schema}")
        script(False, "load_raw.py", str(raw), f"--schema={warehouse.raw_schema}")
        script(False, "load_raw.py", str(raw), environment=wrong_port)
        dbt(True, "debug")
        dbt(True, "--debug", "build")
        dbt(True, "docs", "generate", "--static")
        variables = ("--vars", json.dumps({"demo_data": False, "raw_schema": warehouse.raw_schema}))
        script(True, "compare_with_reference.py", *variables)
        dbt(False, "--debug", "build", environment=wrong_port)
        dbt(False, "--debug", "build", environment=login | {"DBT_SCHEMA": secret})
        warehouse.execute(f"revoke create on schema {warehouse.schema} from {role}")
        dbt(False, "--debug", "--log-format", "json", "run")
        dbt(False, "--debug", "retry")
        script(False, "compare_with_reference.py", *variables, environment=wrong_port)
    finally:
        warehouse.execute(f"drop owned by {role} cascade; drop role {role}")

    (tmp_path / "printed.txt").write_text("\n".join(printed))
    assert "permission denied" in "".join(printed) and "Connection refused" in "".join(printed)
    found, searched = files_that_hold(tmp_path, secret)
    assert found == set()
    assert searched > 100
    for name in ("logs/dbt.log", "target/static_index.html", "target/partial_parse.msgpack"):
        assert (tmp_path / name).is_file()
    # The search does find it.
    for number, form in enumerate(sorted(encodings(secret))):
        planted = tmp_path / "target" / f"planted_{number}"
        planted.write_bytes(b"before " + form + b" after")
        assert files_that_hold(tmp_path, secret)[0] == {planted}
        planted.unlink()
    for before in ("", "a", "ab"):
        planted = tmp_path / "logs" / "planted"
        planted.write_bytes(base64.b64encode(f"{before}{secret} and more".encode()))
        assert files_that_hold(tmp_path, secret)[0] == {planted}
        planted.unlink()


def test_test_servers_listen_on_loopback_only():
    """Guards against: a database with a test's rows that the whole network can reach."""
    with PostgresServer() as server:
        port = int(server.environment["DBT_POSTGRES_PORT"])
        addresses = listening(port)
        assert addresses, "the server listens nowhere"
        assert {address.is_loopback for address in addresses} == {True}, addresses
    assert listening(port) == []
    # The search does find one that is open to all.
    with socket.socket() as open_to_all:
        open_to_all.bind(("0.0.0.0", 0))
        open_to_all.listen()
        assert not listening(open_to_all.getsockname()[1])[0].is_loopback


def listening(port):
    """Addresses on which somebody listens at a port, as the kernel has them."""
    if not Path("/proc/net/tcp").is_file():
        pytest.skip("only Linux says who listens")
    addresses = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        lines = Path(table).read_text().splitlines()[1:] if Path(table).is_file() else []
        for local, state in ((line.split()[1], line.split()[3]) for line in lines):
            address, local_port = local.split(":")
            if state == "0A" and int(local_port, 16) == port:
                # Words of four bytes, each in the machine's order.
                words = [bytes.fromhex(address[i : i + 8]) for i in range(0, len(address), 8)]
                ordered = (word[::-1] if sys.byteorder == "little" else word for word in words)
                addresses.append(ipaddress.ip_address(b"".join(ordered)))
    return addresses
