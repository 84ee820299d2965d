"""Three PostgreSQL roles with the rights that they need and no others: loader, builder, reader.

    python scripts/postgres_roles.py                 # prints the SQL, for review; connects nowhere
    python scripts/postgres_roles.py --apply         # runs it, as the user of the profile

    loader    creates and writes the tables of the raw schema
    builder   reads the raw schema; creates and writes the tables of the marts' schema
    reader    reads every table and view of the marts' schema, later ones too; writes nothing

Run it again at any time: what is there already stays. Passwords come from the environment,
DBT_ENV_SECRET_LOADER_PASSWORD, DBT_ENV_SECRET_BUILDER_PASSWORD and DBT_ENV_SECRET_READER_PASSWORD;
a role whose variable is not set keeps the password that it has. They are never printed, and are
sent to the server only as a hash.

Database, address and the marts' schema are those of dbt's profile. The user who applies it creates
roles and schemas: a superuser, or the administrator of a managed database.
"""

import argparse
import os
import sys
from pathlib import Path

import psycopg2
from configuration import connection_problems, connection_rules, follows, variable_rules
from dbt_common.exceptions import DbtBaseException
from load_raw import LoadError, connect_postgres, literal, one_line, quoted, read_profile
from psycopg2.extensions import encrypt_password

ROLES = ("loader", "builder", "reader")
# Every role may create large objects, unless these functions are taken from it.
LARGE_OBJECTS = (
    "lo_creat(integer)",
    "lo_create(oid)",
    "lo_from_bytea(oid, bytea)",
)


class RolesError(Exception):
    """Why no role was changed, in words for the person who ran the script."""


def main(argv=None):
    """Print or apply as the command line says; returns the exit code, 1 if nothing was changed."""
    options = parse_arguments(argv)
    try:
        credentials = read_profile(options.target, options.profiles_dir).credentials
        check(options, credentials)
        statements = roles_sql(options, credentials)
        if not options.apply:
            print("\n".join(f"{statement};" for statement in statements))
            print("-- Printed only. With --apply they are run, and passwords are set.")
            return 0
        apply(options, credentials, statements)
    except (RolesError, LoadError, DbtBaseException, psycopg2.Error, OSError) as error:
        print(f"postgres_roles: {one_line(error)} -- nothing was changed", file=sys.stderr)
        return 1
    names = ", ".join(getattr(options, role) for role in ROLES)
    print(f"Roles {names} are set up in database {credentials.database}.")
    return 0


def parse_arguments(argv):
    """The options; argparse exits with 2 when they are unusable."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", 1)[0],
        epilog="Passwords: DBT_ENV_SECRET_LOADER_PASSWORD, _BUILDER_PASSWORD, _READER_PASSWORD.",
    )
    parser.add_argument("--apply", action="store_true", help="run the SQL instead of printing it")
    parser.add_argument("--target", default="postgres", help="dbt target (default: %(default)s)")
    for role in ROLES:
        parser.add_argument(f"--{role}", default=f"elt_{role}", help="default: %(default)s")
    parser.add_argument("--raw-schema", default="raw_data", help="default: %(default)s")
    parser.add_argument(
        "--shared-database",
        action="store_true",
        help="leave the rights of everybody (public) alone, for a database with other users;"
        " the reader can then create temporary tables and large objects, as everybody can",
    )
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="make the loader and the builder owners of what is in the two schemas already",
    )
    parser.add_argument("--profiles-dir", type=Path, help="folder with profiles.yml")
    return parser.parse_args(argv)


def check(options, credentials):
    """Refuse names that are unsafe or would mix up the roles.

    Raises:
        RolesError: which option or environment variable, and what it may be.
    """
    if credentials.type != "postgres":
        raise RolesError(f"--target must be one of type postgres, not {credentials.type}")
    rules = connection_rules("postgres")
    problems = connection_problems(credentials)
    for role in ROLES:
        if not follows(getattr(options, role), rules["user"]):
            problems.append(f"--{role} must be {rules['user']['allowed']}")
    if not follows(options.raw_schema, variable_rules()["raw_schema"]):
        problems.append(f"--raw-schema must be {variable_rules()['raw_schema']['allowed']}")
    if len({getattr(options, role) for role in ROLES} | {credentials.user}) < 4:
        problems.append("--loader, --builder, --reader and the user who applies must all differ")
    if options.raw_schema.lower() == credentials.schema.lower():
        problems.append("--raw-schema and DBT_SCHEMA must differ")
    if problems:
        raise RolesError("; ".join(problems))


def roles_sql(options, credentials):
    """The statements, without passwords; each may be run any number of times."""
    loader, builder, reader = (quoted(getattr(options, role)) for role in ROLES)
    raw, marts = quoted(options.raw_schema), quoted(credentials.schema)
    database = quoted(credentials.database)
    statements = []
    for role in ROLES:
        name = getattr(options, role)
        statements.append(
            f"do $$ begin if not exists (select from pg_roles where rolname = {literal(name)})"
            f" then create role {quoted(name)} login; end if; end $$"
        )
    for role in ("loader", "builder"):
        # An administrator who is no superuser sets default privileges only of roles that it has.
        name = getattr(options, role)
        statements.append(
            f"do $$ begin if not pg_has_role({literal(name)}, 'member')"
            f" then grant {quoted(name)} to current_user; end if; end $$"
        )
    if not options.shared_database:
        statements += [
            f"revoke create, temporary on database {database} from public",
            "revoke create on schema public from public",
            *(f"revoke execute on function {name} from public" for name in LARGE_OBJECTS),
        ]
    statements += [
        f"create schema if not exists {raw}",
        f"create schema if not exists {marts}",
    ]
    if options.take_over:
        statements += [
            take_over_sql(options.raw_schema, options.loader),
            take_over_sql(credentials.schema, options.builder),
        ]
    return statements + [
        # Temporary tables: loading and rebuilding need them.
        f"grant connect, temporary on database {database} to {loader}, {builder}",
        f"grant connect on database {database} to {reader}",
        f"grant usage, create on schema {raw} to {loader}",
        f"grant usage on schema {raw} to {builder}",
        f"grant select on all tables in schema {raw} to {builder}",
        f"alter default privileges for role {loader} in schema {raw}"
        f" grant select on tables to {builder}",
        f"grant usage, create on schema {marts} to {builder}",
        f"grant usage on schema {marts} to {reader}",
        f"grant select on all tables in schema {marts} to {reader}",
        f"alter default privileges for role {builder} in schema {marts}"
        f" grant select on tables to {reader}",
        # Not what keeps the reader from writing, but it says so before the rights do.
        f"alter role {reader} in database {database} set default_transaction_read_only = on",
    ]


def take_over_sql(schema, role):
    """Statement that makes the role own every table and view of the schema."""
    return (
        "do $$ declare statement text; begin for statement in"
        f" select format('alter table %I.%I owner to %I', nspname, relname, {literal(role)})"
        " from pg_class join pg_namespace on pg_namespace.oid = relnamespace"
        f" where nspname = {literal(schema)} and relkind in ('r', 'p', 'v', 'm', 'f')"
        " loop execute statement; end loop; end $$"
    )


def apply(options, credentials, statements):
    """Run the statements and set the passwords, in one transaction.

    Raises:
        RolesError: a role that existed has rights that no grant can take away.
    """
    connection = connect_postgres(credentials)
    try:
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            for role in ROLES:
                name = getattr(options, role)
                password = os.environ.get(f"DBT_ENV_SECRET_{role.upper()}_PASSWORD")
                if password:
                    hashed = encrypt_password(password, name, connection, "scram-sha-256")
                    cursor.execute(f"alter role {quoted(name)} password {literal(hashed)}")
            names = [getattr(options, role) for role in ROLES]
            cursor.execute(
                "select rolname from pg_roles where rolname = any(%s) and"
                " (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)",
                [names],
            )
            mighty = [name for (name,) in cursor.fetchall()]
            if mighty:
                raise RolesError(
                    f"{', '.join(mighty)}: may create roles or databases, or is a superuser;"
                    " choose another role or take that away with alter role"
                )
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
