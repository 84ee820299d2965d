"""Three PostgreSQL roles, made by scripts/postgres_roles.py, each doing its work and no more."""

import io
import subprocess
import sys
import uuid

import psycopg2
import pytest
from warehouse import PROJECT_ROOT, Warehouse

SCRIPTS = PROJECT_ROOT / "scripts"
ROLES = ("loader", "builder", "reader")
FILES = {
    "user_session_channel": "userid,sessionid,channel\n1,a,google\n2,b,Naver\n",
    "session_timestamp": "sessionid,ts\na,2019-05-01 10:00:00\nb,2019-05-02 10:00:00\n",
    "session_transaction": "sessionid,refunded,amount\na,false,10\nb,true,20\n",
    "channel": "channelname\nGoogle\nNaver\n",
}
MARTS = {
    "fct_sessions": 2,
    "user_first_last_touch": 2,
    "user_revenue": 2,
    "top_revenue_users": 2,
    "monthly_channel_conversion": 2,
}

# {0}: a table or view, {1}: one of its columns.
WRITES = [
    "insert into {0} ({1}) select {1} from {0}",
    "update {0} set {1} = {1}",
    "delete from {0}",
    "truncate {0}",
    "copy {0} from stdin",
    "select * from {0} for update",
    "drop {2} {0}",
    "alter {2} {0} rename to x",
    "alter {2} {0} owner to {role}",
    "alter table {0} add column x integer",
    "comment on {2} {0} is 'x'",
    "create index on {0} ({1})",
    "create rule x as on insert to {0} do instead nothing",
    "grant all on {0} to public",
    "do 'begin lock table {0}; end'",
]
# {0}: a schema.
CREATIONS = [
    "create table {0}.x (a integer)",
    "create table {0}.x as select 1 as a",
    "select 1 as a into {0}.x",
    "create view {0}.x as select 1 as a",
    "create materialized view {0}.x as select 1 as a",
    "create function {0}.x() returns integer language sql as 'select 1'",
    "create sequence {0}.x",
    "create type {0}.x as (a integer)",
    "create domain {0}.x as integer",
    "drop schema {0} cascade",
    "alter schema {0} rename to x",
    "alter schema {0} owner to {role}",
    "grant all on schema {0} to public",
    "alter default privileges for role {builder} in schema {0} grant all on tables to {role}",
]
ELSEWHERE = [
    "create temporary table x (a integer)",
    "create temporary view x as select 1 as a",
    "create schema x",
    "create database x",
    "create role x",
    "create extension file_fdw",
    "create publication x",
    "alter role {role} createdb",
    "alter role {role} superuser",
    "alter role {builder} password 'x'",
    "grant {builder} to {role}",
    "set role {builder}",
    "set session authorization {builder}",
    "alter database {database} rename to x",
    "alter system set work_mem = '1GB'",
    "copy (select 1) to '/tmp/elt_summary_reader'",
    "copy (select 1) to program 'true'",
    "select lo_create(0)",
    "select lo_creat(-1)",
    "select lo_from_bytea(0, 'x')",
    "create event trigger x on ddl_command_end execute function pg_catalog.x()",
    "reassign owned by {builder} to {role}",
    "drop owned by {builder}",
]


class Roles:
    """A database of its own with the three roles.

    Attributes:
        warehouse: the administrator's view of it.
        names: names of the roles, by loader, builder and reader.
        passwords: their passwords.
    """

    def __init__(self, administrator, folder):
        suffix = administrator.schema.removeprefix("analytics_")
        self.database = f"elt_{suffix}"
        self.names = {role: f"{role}_{suffix}" for role in ROLES}
        self.passwords = {role: f"{role}-'{uuid.uuid4().hex}" for role in ROLES}
        administrator.execute(f"create database {self.database}")
        self._administrator = administrator
        self.folder = folder / "roles"
        self.folder.mkdir()
        server = administrator.environment | {"DBT_POSTGRES_DATABASE": self.database}
        names = ("DBT_POSTGRES_", "DBT_ENV_SECRET_")
        self.warehouse = Warehouse(
            "postgres",
            self.folder,
            {name: value for name, value in server.items() if name.startswith(names)},
        )

    def login(self, role):
        """Environment variables by which dbt and the scripts are this role."""
        return {
            "DBT_POSTGRES_USER": self.names[role],
            "DBT_ENV_SECRET_POSTGRES_PASSWORD": self.passwords[role],
        }

    def connect(self, role):
        """An open connection as this role."""
        environment = self.warehouse.environment | self.login(role)
        connection = psycopg2.connect(
            host=environment["DBT_POSTGRES_HOST"],
            port=environment["DBT_POSTGRES_PORT"],
            user=environment["DBT_POSTGRES_USER"],
            password=environment["DBT_ENV_SECRET_POSTGRES_PASSWORD"],
            dbname=environment["DBT_POSTGRES_DATABASE"],
        )
        connection.autocommit = True
        return connection

    def script(self, name, *options, extra_env=None):
        """Run a script; returns subprocess.CompletedProcess with its output as text."""
        return subprocess.run(
            [sys.executable, SCRIPTS / name, *options, "--target", "postgres"],
            cwd=PROJECT_ROOT,
            env=self.warehouse.child_environment(extra_env),
            text=True,
            capture_output=True,
        )

    def set_up(self, *options):
        """Run scripts/postgres_roles.py; passwords by environment."""
        secrets = {
            f"DBT_ENV_SECRET_{role.upper()}_PASSWORD": self.passwords[role] for role in ROLES
        }
        named = [f"--{role}={name}" for role, name in self.names.items()]
        return self.script(
            "postgres_roles.py",
            *named,
            f"--raw-schema={self.warehouse.raw_schema}",
            *options,
            extra_env=secrets,
        )

    def load(self, *options):
        """Run scripts/load_raw.py as the loader."""
        for table, text in FILES.items():
            (self.folder / f"{table}.csv").write_text(text)
        schema = f"--schema={self.warehouse.raw_schema}"
        return self.script(
            "load_raw.py", str(self.folder), schema, *options, extra_env=self.login("loader")
        )

    def build(self, *options):
        """dbt build as the builder."""
        self.warehouse.dbt(
            "build", *options, vars={"demo_data": False}, extra_env=self.login("builder")
        )

    def read(self, role="reader"):
        """Row counts of every table and view of the marts' schema, read by the role."""
        with self.connect(role) as connection, connection.cursor() as cursor:
            counts = {}
            for name in self.relations(self.warehouse.schema):
                cursor.execute(f"select count(*) from {self.warehouse.schema}.{name}")
                counts[name] = cursor.fetchone()[0]
        connection.close()
        return counts

    def relations(self, schema):
        """Tables and views of a schema: by name, the first column and whether `table` or `view`."""
        rows = self.warehouse.query(
            "select relname, attname, case relkind when 'v' then 'view' else 'table' end"
            " from pg_class join pg_namespace on pg_namespace.oid = relnamespace"
            " join pg_attribute on attrelid = pg_class.oid and attnum = 1"
            f" where nspname = '{schema}' and relkind in ('r', 'v') order by 1"
        )
        return {name: (column, kind) for name, column, kind in rows}

    def state(self):
        """Rows, definitions and rights of everything in the database, and the roles."""
        schemas = (self.warehouse.schema, self.warehouse.raw_schema)
        catalogs = [
            "select nspname, nspowner, nspacl::text from pg_namespace"
            " where nspname not like 'pg_%%temp%%' order by 1",
            "select relname, relowner, relkind, relacl::text from pg_class"
            " where relnamespace not in (select oid from pg_namespace where nspname ~ '^pg_')"
            " order by 1, 3",
            "select rolname, rolsuper, rolcreatedb, rolcreaterole from pg_roles order by 1",
            "select defaclrole, defaclacl::text from pg_default_acl order by 1, 2",
            "select count(*) from pg_proc",
            "select count(*) from pg_type where typtype in ('d', 'c')",
            "select count(*) from pg_largeobject_metadata",
            "select count(*) from pg_auth_members",
            "select datname from pg_database order by 1",
        ]
        rows = [
            sorted(map(str, self.warehouse.query(f"select * from {schema}.{name}")))
            for schema in schemas
            for name in self.relations(schema)
        ]
        return [self.warehouse.query(query) for query in catalogs], rows

    def writes(self, schema):
        """WRITES for every table and view of a schema, as pairs (kind, statement)."""
        for name, (column, kind) in self.relations(schema).items():
            for statement in WRITES:
                yield kind, statement.replace("{0}", f"{schema}.{name}").replace(
                    "{1}", column
                ).replace("{2}", kind)

    def creations(self, schema):
        """CREATIONS in a schema, as pairs (kind, statement)."""
        return [("schema", statement.replace("{0}", schema)) for statement in CREATIONS]

    def assert_refused(self, role, statements):
        """Fail unless the role lacks the right to each statement; returns their number.

        A grant without the right to it is only a warning to PostgreSQL: that it did nothing is for
        state() to tell. Some views cannot be written by anybody, which PostgreSQL says first.
        """
        names = self.names | {"role": self.names[role], "database": self.database}
        connection = self.connect(role)
        count = 0
        with connection.cursor() as cursor:
            # The rights alone must do.
            cursor.execute("set default_transaction_read_only = off")
            for kind, statement in statements:
                sql = statement.format(**names)
                count += 1
                try:
                    if sql.endswith("from stdin"):
                        cursor.copy_expert(sql, io.StringIO(""))
                    else:
                        cursor.execute(sql)
                except psycopg2.errors.InsufficientPrivilege:
                    continue
                except (
                    psycopg2.errors.FeatureNotSupported,
                    psycopg2.errors.WrongObjectType,
                    psycopg2.errors.ObjectNotInPrerequisiteState,
                ):
                    assert kind == "view", sql
                    continue
                assert sql.startswith("grant all "), f"the {role} may: {sql}"
        connection.close()
        return count

    def drop(self):
        self._administrator.execute(f"drop database {self.database} with (force)")
        for name in self.names.values():
            self._administrator.execute(f"drop role if exists {name}")


@pytest.fixture
def roles(postgres_environment, tmp_path):
    administrator = Warehouse("postgres", tmp_path, postgres_environment)
    roles = Roles(administrator, tmp_path)
    yield roles
    roles.drop()


def test_each_role_does_its_work_and_no_more(roles):
    """Guards against: a loader, builder or reader that needs more rights than it has, or has more
    than it needs; a table that a later run created and the reader cannot read."""
    marts, raw = roles.warehouse.schema, roles.warehouse.raw_schema
    for _ in range(2):
        result = roles.set_up("--apply")
        assert result.returncode == 0, result.stderr
        for password in roles.passwords.values():
            assert password not in result.stdout + result.stderr

    july = ("--event-time-start", "2019-05-01", "--event-time-end", "2019-05-02")
    for load, build in [((), ()), (None, ()), (("--replace",), ("--full-refresh",)), (None, july)]:
        if load is not None:
            result = roles.load(*load)
            assert result.returncode == 0, result.stderr
        roles.build(*build)
        counts = roles.read()
        assert {mart: counts[mart] for mart in MARTS} == MARTS
        owners = roles.warehouse.query(
            f"select distinct schemaname, tableowner from pg_tables"
            f" where schemaname in ('{marts}', '{raw}') order by 1"
        )
        assert owners == [(marts, roles.names["builder"]), (raw, roles.names["loader"])]

    before = roles.state()
    refused = roles.assert_refused(
        "reader",
        [
            *roles.writes(marts),
            *roles.writes(raw),
            *(("table", f"select * from {raw}.{name}") for name in FILES),
            *roles.creations(marts),
            *roles.creations(raw),
            *roles.creations("public"),
            *(("database", statement) for statement in ELSEWHERE),
        ],
    )
    assert refused > 300
    roles.assert_refused("builder", [*roles.writes(raw), *roles.creations(raw)[:-1]])
    roles.assert_refused(
        "loader",
        [
            *roles.writes(marts),
            *roles.creations(marts),
            *(("table", f"select * from {marts}.{name}") for name in roles.relations(marts)),
        ],
    )
    assert roles.state() == before

    # By default the reader is even told so before its rights are asked for.
    with roles.connect("reader") as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            cursor.execute("create temporary table x (a integer)")
    connection.close()


def test_roles_are_printed_before_they_are_applied(roles):
    """Guards against: a script that changes a server when it is only asked what it would do; a
    password in what it prints."""
    before = roles.state()
    result = roles.set_up()
    assert result.returncode == 0 and roles.state() == before
    assert f'create role "{roles.names["reader"]}" login' in result.stdout
    for password in roles.passwords.values():
        assert password not in result.stdout + result.stderr
    roles.warehouse.execute(result.stdout)
    with pytest.raises(psycopg2.OperationalError):
        # A role without a password cannot log in.
        roles.connect("reader")


def test_a_warehouse_that_exists_is_taken_over(roles):
    """Guards against: a builder that cannot rebuild, and a loader that cannot replace, what the
    administrator had made before."""
    warehouse = roles.warehouse
    for table, text in FILES.items():
        (roles.folder / f"{table}.csv").write_text(text)
    assert roles.script(
        "load_raw.py", str(roles.folder), f"--schema={warehouse.raw_schema}"
    ).returncode == 0
    warehouse.dbt("run", vars={"demo_data": False})
    assert roles.set_up("--apply", "--take-over").returncode == 0
    assert roles.load("--replace").returncode == 0
    roles.build("--full-refresh")
    assert roles.read()["fct_sessions"] == 2


def test_roles_that_cannot_be_used(roles):
    """Guards against: SQL in a name; one role for two purposes; a superuser as the reader."""
    before = roles.state()
    administrator = roles.warehouse.environment["DBT_POSTGRES_USER"]
    for options, text in [
        (['--loader=x"; drop role y; --'], "--loader must be a name"),
        (["--reader=x'y"], "--reader must be a name"),
        (["--raw-schema=x; y"], "--raw-schema must be a name"),
        ([f"--raw-schema={roles.warehouse.schema}"], "--raw-schema and DBT_SCHEMA must differ"),
        (["--reader=same", "--builder=same"], "must all differ"),
        ([f"--reader={administrator}"], "must all differ"),
    ]:
        result = roles.set_up("--apply", *options)
        assert result.returncode == 1 and text in result.stderr, result.stderr
        assert "nothing was changed" in result.stderr
    assert roles.state() == before
    roles.warehouse.execute(f"create role {roles.names['reader']} login createrole")
    result = roles.set_up("--apply")
    assert result.returncode == 1 and "may create roles or databases" in result.stderr
