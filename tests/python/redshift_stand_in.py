"""PostgreSQL in the place of a Redshift cluster, so that dbt-redshift has something to talk to.

Nothing here is Redshift. A PostgreSQL server runs what it understands of what dbt-redshift sends,
over dbt-redshift's own driver, and every statement is kept for those who read SQL as Redshift does.
In between, the driver's start-up message loses the parameters that only Redshift takes, and
statements are changed by REWRITES and by nothing else. The database has a few functions that Redshift has and
PostgreSQL has not (FUNCTIONS), and sorts text by bytes, as Redshift does.
"""

import re
import socket
import struct
import threading
import uuid

import psycopg2

HOST = "127.0.0.1"

# What the driver says at the start and PostgreSQL refuses.
REDSHIFT_PARAMETERS = {
    b"client_protocol_version", b"driver_version", b"os_version", b"plugin_name",
    b"driver_discovery_version",
}  # fmt: skip

# Requests to log in, by their number: how, and no more.
SASL, LOGGED_IN = struct.pack("!i", 10), struct.pack("!i", 0)

# Spelled otherwise by PostgreSQL: keys of distribution and sorting (it has none), the bare word for
# a part of a date, and the function that makes an object of names and values.
REWRITES = [
    (re.compile(r"\bdiststyle key distkey \(\w+\)|\bcompound sortkey\([\w,]+\)"), ""),
    (re.compile(r"\bdateadd\(\s*(day|month)\s*,"), r"dateadd('\1',"),
    (re.compile(r"\bobject\((?=')"), "json_build_object("),
]

# JSON_SERIALIZE, SPLIT_PART and the like PostgreSQL has itself. What stands for FNV_HASH is another
# hash of 64 bits with a seed.
FUNCTIONS = """
    create function pg_catalog.fnv_hash(anyelement, bigint default 0) returns bigint
    language sql immutable parallel safe
    as $$ select hashtextextended($1::text, $2) $$;

    create function pg_catalog.dateadd(text, integer, timestamp) returns timestamp
    language sql immutable parallel safe
    as $$ select $3 + $2 * ('1 ' || $1)::interval $$;

    create function pg_catalog.pg_get_late_binding_view_cols() returns setof record
    language sql
    as $$
        select ''::name, ''::name, ''::name, ''::varchar, 0 where false
    $$;

    create table pg_catalog.svv_external_columns (
        columnnum integer, schemaname text, tablename text, columnname text, external_type text
    );
"""


class RedshiftStandIn:
    """A port on which dbt-redshift finds a PostgreSQL server. Use it in a `with` statement.

    Args:
        server: the five variables of PostgresServer.environment, of a superuser.

    Attributes:
        database: name of the database that it makes, and drops in the end.
        environment: the variables that point dbt's target `redshift` here.
        statements: list of every statement received, as it was before REWRITES.
    """

    def __init__(self, server):
        self._server = server
        self.database = f"redshift_{uuid.uuid4().hex[:12]}"
        self.statements = []
        self._connections = []
        self._listener = socket.create_server((HOST, 0))

    def __enter__(self):
        self._execute(
            "postgres",
            f"create database {self.database} template template0 locale_provider libc"
            " lc_collate 'C' lc_ctype 'C' encoding utf8",
        )
        self._execute(self.database, "set allow_system_table_mods = on", FUNCTIONS)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        for connection in self._connections:
            connection.close()
        self._execute("postgres", f"drop database {self.database} with (force)")

    @property
    def environment(self):
        return {
            "DBT_REDSHIFT_HOST": HOST,
            "DBT_REDSHIFT_PORT": str(self._listener.getsockname()[1]),
            "DBT_REDSHIFT_USER": self._server["DBT_POSTGRES_USER"],
            "DBT_REDSHIFT_DATABASE": self.database,
            "DBT_ENV_SECRET_REDSHIFT_PASSWORD": self._server["DBT_ENV_SECRET_POSTGRES_PASSWORD"],
        }

    def connect(self, database=None):
        """An open connection to PostgreSQL itself, with autocommit."""
        connection = psycopg2.connect(
            host=self._server["DBT_POSTGRES_HOST"],
            port=self._server["DBT_POSTGRES_PORT"],
            user=self._server["DBT_POSTGRES_USER"],
            password=self._server["DBT_ENV_SECRET_POSTGRES_PASSWORD"],
            dbname=database or self.database,
        )
        connection.autocommit = True
        return connection

    def _execute(self, database, *statements):
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            address = self._server["DBT_POSTGRES_HOST"], int(self._server["DBT_POSTGRES_PORT"])
            server = socket.create_connection(address)
            for connection in (client, server):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections += [client, server]
            threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
            threading.Thread(target=_to_client, args=(server, client), daemon=True).start()

    def _to_server(self, client, server):
        """Messages of the protocol, one by one: the start, then a letter and a length each."""
        received = client.makefile("rb")
        try:
            (length,) = struct.unpack("!i", received.read(4))
            server.sendall(_start_message(received.read(length - 4)))
            while kind := received.read(1):
                (length,) = struct.unpack("!i", received.read(4))
                body = received.read(length - 4)
                if kind in (b"P", b"Q"):
                    body = self._rewritten(kind, body)
                server.sendall(kind + struct.pack("!i", len(body) + 4) + body)
        except (OSError, struct.error, ValueError):  # either side has gone
            pass
        finally:
            _shut(server)

    def _rewritten(self, kind, body):
        name, rest = body.split(b"\0", 1) if kind == b"P" else (None, body)
        statement, rest = rest.split(b"\0", 1)
        text = statement.decode()
        self.statements.append(text)
        for pattern, instead in REWRITES:
            text = pattern.sub(instead, text)
        parts = [text.encode(), rest] if name is None else [name, text.encode(), rest]
        return b"\0".join(parts)


def _start_message(body):
    """The start-up message without the parameters that PostgreSQL does not know."""
    protocol, parts = body[:4], body[4:].rstrip(b"\0").split(b"\0")
    kept = [
        name + b"\0" + value
        for name, value in zip(parts[::2], parts[1::2], strict=True)
        if name not in REDSHIFT_PARAMETERS
    ]
    body = protocol + b"\0".join(kept) + b"\0\0"
    return struct.pack("!i", len(body) + 4) + body


def _to_client(server, client):
    """Everything as it is, but the names of the ways to log in: PostgreSQL ends their list with an
    empty name, which Redshift's driver takes for a way."""
    received = server.makefile("rb")
    try:
        while kind := received.read(1):
            (length,) = struct.unpack("!i", received.read(4))
            body = received.read(length - 4)
            if kind == b"R" and body[:4] == SASL:
                body = body[:-1]
            client.sendall(kind + struct.pack("!i", len(body) + 4) + body)
            if kind == b"R" and body == LOGGED_IN:
                break
        while data := received.read1(65536):
            client.sendall(data)
    except (OSError, struct.error, ValueError):
        pass
    finally:
        _shut(client)


def _shut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
