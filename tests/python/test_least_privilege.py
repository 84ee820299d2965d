"""The project run by a PostgreSQL role that may only use existing schemas and read raw."""

import uuid

import pytest
from raw import create_raw_tables


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_build_by_a_role_with_least_privilege(warehouse):
    """Guards against: a build that needs more than it should (create schemas, write raw)."""
    create_raw_tables(warehouse)
    warehouse.execute(
        f"""
        insert into {warehouse.raw_schema}.channel values ('Google');
        insert into {warehouse.raw_schema}.user_session_channel values (1, 'a', 'google');
        insert into {warehouse.raw_schema}.session_timestamp values ('a', '2019-05-01 10:00:00');
        insert into {warehouse.raw_schema}.session_transaction values ('a', false, 10);
        """
    )
    role = f"builder_{uuid.uuid4().hex[:12]}"
    database = warehouse.environment["DBT_POSTGRES_DATABASE"]
    warehouse.execute(
        f"""
        create role {role} login password 'builder';
        create schema {warehouse.schema};
        grant connect on database {database} to {role};
        grant usage, create on schema {warehouse.schema} to {role};
        grant usage on schema {warehouse.raw_schema} to {role};
        grant select on all tables in schema {warehouse.raw_schema} to {role};
        """
    )
    login = {"DBT_POSTGRES_USER": role, "DBT_ENV_SECRET_POSTGRES_PASSWORD": "builder"}
    try:
        warehouse.dbt("build", vars={"demo_data": False}, extra_env=login)
        assert warehouse.query(
            f"select user_id, gross_revenue from {warehouse.schema}.top_revenue_users"
        ) == [(1, 10)]
        owners = warehouse.query(
            f"select distinct tableowner from pg_tables where schemaname = '{warehouse.schema}'"
        )
        assert owners == [(role,)]
    finally:
        warehouse.execute(f"drop owned by {role} cascade; drop role {role}")
