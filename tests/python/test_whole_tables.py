"""Tables that are built whole: keys, required columns and indexes that they get, and the raw keys that
make it cheap."""

import re
from datetime import datetime
from pathlib import Path

import oracle
import pytest
from project_copy import copy_project, replace
from raw import RawTables, assert_marts_equal, create_raw_tables, literal, read_rejected

FAST_WAY = "The raw tables have each session once"

# How raw may be keyed: statements on a table, and whether they say that each session is there once.
KEYS = {
    "none": ([], False),
    "primary key": (["alter table {} add primary key (sessionid)"], True),
    "unique index": (["create unique index on {} (sessionid)"], True),
    "unique with another column included": (
        ["create unique index on {} (sessionid) include ({other})"],
        True,
    ),
    "index that is not unique": (["create index on {} (sessionid)"], False),
    "unique for some rows": (
        ["create unique index on {} (sessionid) where sessionid like 'b%'"],
        False,
    ),
    "unique with another column": (["create unique index on {} (sessionid, {other})"], False),
    "tables that inherit": (
        [
            "alter table {} add primary key (sessionid)",
            "create table {}_more () inherits ({})",
        ],
        False,
    ),
}


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
@pytest.mark.parametrize("name", KEYS)
def test_raw_keys_are_believed_only_as_far_as_they_hold(warehouse, tmp_path, name):
    """Guards against: duplicates that are let through because some key seems to exclude them."""
    statements, holds = KEYS[name]
    create_raw_tables(warehouse)
    raw = RawTables(channel=[("Google",)])
    raw.add_session("a1", 1, "Google", datetime(2019, 7, 1, 8), (False, 10))
    raw.add_session("b1", 2, "Google", datetime(2019, 7, 1, 9), (None, 20))
    raw.rows["user_session_channel"].append((1, "b2", "Google"))
    raw.rows["session_timestamp"].append(("b3", datetime(2019, 7, 1)))
    raw.write(warehouse)
    more = {
        "user_session_channel": (9, "a1", "Google"),
        "session_timestamp": ("a1", datetime(2019, 7, 2)),
    }
    for table, other in (("user_session_channel", "userid"), ("session_timestamp", "ts")):
        place = f"{warehouse.raw_schema}.{table}"
        for statement in statements:
            warehouse.execute(statement.format(place, place, other=other))
        if not holds:
            into = f"{place}_more" if "inherit" in name else place
            warehouse.execute(f"insert into {into} values ({', '.join(map(literal, more[table]))})")
            raw.rows[table].append(more[table])
    accept = {"demo_data": False, "max_rejected_percent": 100}
    warehouse.dbt("run", vars=accept)
    compiled = tmp_path / "target/compiled/elt_summary/models/marts/fct_sessions.sql"
    assert (FAST_WAY in compiled.read_text()) == holds
    assert_marts_equal(warehouse, raw.marts())
    assert read_rejected(warehouse) == raw.rejected()
    warehouse.dbt(
        *("run", "--event-time-start", "2019-07-01", "--event-time-end", "2019-07-02"), vars=accept
    )
    assert (FAST_WAY in compiled.read_text()) == holds
    assert_marts_equal(warehouse, raw.marts())
    assert read_rejected(warehouse) == raw.rejected()


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_tables_have_what_their_contracts_say(warehouse):
    """Guards against: a table built whole without its key, its required columns or the indexes by
    which later runs find rows."""
    warehouse.dbt("build")
    keys = dict(
        warehouse.query(
            "select conrelid::regclass::text, pg_get_constraintdef(oid) from pg_constraint"
            f" where contype = 'p' and connamespace = '{warehouse.schema}'::regnamespace"
        )
    )
    for mart, key in oracle.KEYS.items():
        assert keys[f"{warehouse.schema}.{mart}"] == f"PRIMARY KEY ({key})"
    nullable = warehouse.query(
        "select table_name, column_name from information_schema.columns"
        f" where table_schema = '{warehouse.schema}' and is_nullable = 'YES'"
    )
    marts = {pair for pair in nullable if pair[0] in oracle.KEYS}
    assert marts == {("monthly_channel_conversion", "conversion_rate")}
    indexes = warehouse.query(
        "select indexdef from pg_indexes"
        f" where schemaname = '{warehouse.schema}' and tablename = 'fct_sessions'"
    )
    places = {index.split(" USING ")[1] for (index,) in indexes}
    assert places == {
        "btree (session_id)",
        "btree (session_date)",
        "btree (user_id)",
        "btree (user_id) WHERE (transaction_count > 0)",
    }


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_readers_wait_for_the_swap_alone(warehouse):
    """Guards against: a table that has taken its name, so that readers wait, while millions of rows
    are counted or recorded before the commit."""
    warehouse.dbt("seed")
    warehouse.dbt("run")
    log = Path(warehouse.environment["DBT_LOG_PATH"]) / "dbt.log"
    log.unlink()
    warehouse.dbt("run", "--full-refresh")
    for mart in oracle.KEYS:
        statements = re.findall(
            rf"On model\.elt_summary\.{mart}: (.*?)(?=^\S* ?\d\d:\d\d:\d\d\.\d+ \[)",
            log.read_text(encoding="utf-8"),
            re.DOTALL | re.MULTILINE,
        )
        swaps = [place for place, sql in enumerate(statements) if f'rename to "{mart}"' in sql]
        assert len(swaps) == 1, statements
        waited_for = statements[swaps[0] : statements.index("COMMIT\n", swaps[0])]
        assert "'committed'" in "".join(waited_for), waited_for
        for sql in waited_for:
            tables = set(re.findall(r'(?:from|join) "\w+"\."\w+"\."(\w+)"', sql))
            assert tables <= {"run_ledger"}, sql


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_no_index_that_duckdb_does_not_use(warehouse):
    """Guards against: keys and indexes that cost DuckDB four times the build."""
    warehouse.dbt("build")
    indexed = warehouse.query(
        "select table_name, constraint_type from duckdb_constraints()"
        " where constraint_type in ('PRIMARY KEY', 'UNIQUE')"
        f" and schema_name = '{warehouse.schema}'"
        " union all select table_name, index_name from duckdb_indexes()"
        f" where schema_name = '{warehouse.schema}'"
    )
    assert [table for table, _ in indexed if table in oracle.KEYS] == []
    required = warehouse.query(
        "select count(*) from duckdb_constraints() where constraint_type = 'NOT NULL'"
        f" and schema_name = '{warehouse.schema}' and table_name = 'fct_sessions'"
    )
    assert required == [(12,)]


# what an interval run breaks: model, clause, instead, test that goes red
BROKEN = {
    "a user's money": (
        "models/marts/user_revenue.sql",
        "        transaction_count > 0\n",
        "        transaction_count > 0 and user_id != 17\n",
        "user_marts_conserve_sessions_and_money",
    ),
    "a user's touches": (
        "models/marts/user_first_last_touch.sql",
        "    group by user_id\n",
        "    where user_id != 17\n    group by user_id\n",
        "user_marts_conserve_sessions_and_money",
    ),
    "a month's money": (
        "models/marts/monthly_channel_conversion.sql",
        "sum(gross_revenue) as gross_revenue",
        "2 * sum(gross_revenue) as gross_revenue",
        "monthly_channel_conversion_conserves_money",
    ),
    "a session's key": (
        "macros/engines/get_incremental_rebuild_sql.sql",
        "insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ new }};",
        "insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ new }};"
        " insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ new }}"
        " where '{{ target.identifier }}' = 'fct_sessions';",
        "fct_sessions_is_sound",
    ),
}


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
@pytest.mark.parametrize("name", BROKEN)
def test_interval_run_tests_what_it_rebuilt(warehouse, tmp_path, name):
    """Guards against: tests that answer for an interval only and miss what it broke."""
    file, clause, instead, red = BROKEN[name]
    warehouse.dbt("build")
    project = copy_project(tmp_path / "project")
    replace(project / file, clause, instead)
    day = warehouse.query(
        f"select min(session_date), min(session_date) + 1 from {warehouse.schema}.fct_sessions"
        " where user_id = 17 and gross_revenue > 0"
    )[0]
    result = warehouse.dbt(
        # Unit tests would find it before anything is built.
        *("build", "--exclude-resource-type", "unit_test", "--project-dir", str(project)),
        *("--event-time-start", str(day[0])[:10], "--event-time-end", str(day[1])[:10]),
        check=False,
    )
    assert result.returncode == 1, result.stdout
    assert red in result.stdout.split("Completed with")[-1], result.stdout


# what somebody does to a table: statement, engines, test that goes red, what it says
TAMPERED = {
    "a rank for two users": (
        "update {}.top_revenue_users set user_id = 17",
        {"duckdb", "postgres"},
        "top_revenue_users_is_sound",
        "failure=more than one row for user_id, row_count=1",
    ),
    "a key twice": (
        "insert into {0}.user_revenue select * from {0}.user_revenue where user_id = 17",
        {"duckdb"},
        "user_revenue_is_sound",
        "failure=more than one row for user_id, row_count=1",
    ),
    "a key that is no key any more": (
        "alter table {}.user_revenue drop constraint user_revenue_pkey",
        {"postgres"},
        "user_revenue_is_sound",
        "failure=the table has no primary key (user_id)",
    ),
    "a reason that nobody knows": (
        "update {}.rebuild_days set reason = 'because'",
        {"duckdb", "postgres"},
        "rebuild_days_is_sound",
        "failure=reason is because",
    ),
    "no rows": (
        "delete from {}.monthly_channel_conversion",
        {"duckdb", "postgres"},
        "monthly_channel_conversion_is_sound",
        "failure=there are no rows, row_count=0",
    ),
}


def test_sound_says_what_is_wrong(warehouse):
    """Guards against: one test in place of many that no longer says which of them failed."""
    warehouse.dbt("build")
    for statement, engines, red, said in TAMPERED.values():
        if warehouse.engine in engines:
            warehouse.dbt("test", "--select", red)
            warehouse.execute(statement.format(warehouse.schema))
            result = warehouse.dbt("test", "--select", red, check=False)
            assert result.returncode == 1, result.stdout
            assert said in result.stdout, result.stdout
