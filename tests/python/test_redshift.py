"""Target redshift: what can be known without a Redshift cluster.

dbt-redshift builds the project on a PostgreSQL server that stands in for the cluster. The results
are compared with the oracle and with DuckDB; what was sent is read by two parsers that know
Redshift's dialect, and by lists of what Redshift has and has not. It has not run on Redshift itself.
"""

import os
import re
from datetime import date, datetime, timedelta

import pytest
import redshift_sql
from dbt.cli.main import dbtRunner
from project_copy import replace
from raw import RawTables, assert_marts_equal, create_raw_tables, read_marts, read_rejected
from redshift_stand_in import RedshiftStandIn
from tiers import LONG
from typed import Refused, invoke
from warehouse import PROJECT_ROOT, Warehouse

pytestmark = pytest.mark.xdist_group("redshift")

# What dbt-redshift itself asks the catalog; sqlfluff does not know the types in its aliases.
CATALOG = "pg_get_late_binding_view_cols"


class RedshiftWarehouse(Warehouse):
    """A warehouse behind a RedshiftStandIn.

    Attributes:
        manifests: dbt's manifests, by the variables that they were parsed with.
    """

    def __init__(self, folder, stand_in):
        super().__init__("redshift", folder, stand_in.environment)
        profiles = folder / "profiles" / "profiles.yml"
        replace(profiles, "sslmode: verify-full", "sslmode: disable")
        self._stand_in = stand_in
        self.manifests = {}

    def connect(self):
        return self._stand_in.connect()

    def type(self, *command, **variables):
        """Run dbt in this process; returns the results by name of the node.

        Raises:
            Refused: dbt ended with an error; the text is all that it said.
        """
        given = {"raw_schema": self.raw_schema} | variables
        outcome, _ = invoke(command, "redshift", given, self.manifests)
        found = getattr(outcome, "results", [])
        return {result.node.name: result for result in found if hasattr(result, "node")}


@pytest.fixture(scope="module")
def stand_in(postgres_environment):
    with RedshiftStandIn(postgres_environment) as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def new_warehouse(stand_in, tmp_path_factory):
    """Makes a RedshiftWarehouse whose environment is this process's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("DBT_")]:
            patch.delenv(name)
        patch.chdir(PROJECT_ROOT)

        def make():
            warehouse = RedshiftWarehouse(tmp_path_factory.mktemp("redshift"), stand_in)
            for name, value in warehouse.environment.items():
                patch.setenv(name, value)
            return warehouse

        yield make


@pytest.fixture(scope="module")
def demo(new_warehouse):
    """Built from the demo data, and tested; then every node compiled once more, so that the
    incremental forms are there, too."""
    warehouse = new_warehouse()
    # Unit tests are the models once more, on other rows, and take as long as all the rest.
    warehouse.type("build", *([] if LONG else ["--exclude-resource-type", "unit_test"]))
    warehouse.compiled = warehouse.type("compile")
    return warehouse


@pytest.fixture(scope="module")
def history(new_warehouse):
    """Raw tables with every kind of row, for marts that are to follow them."""
    warehouse = new_warehouse()
    noon = datetime(2019, 7, 1, 12)
    raw = RawTables(channel=[("Google",), ("Naver",)])
    raw.add_session("a1", 1, "google ", noon, (False, 10), (True, 7))
    # The same instant: the session id decides which is first, byte by byte.
    raw.add_session("a10", 1, "Naver", noon + timedelta(microseconds=5), (None, None))
    raw.add_session("a1B", 1, "TikTok", noon + timedelta(microseconds=5))
    raw.add_session("B1", 2, "Naver", datetime(2019, 7, 2), (False, 0))
    raw.add_session("b1", 2, None, datetime(2019, 7, 2), (True, -5))
    raw.add_session("c1", 3, "Naver", datetime(2019, 10, 31, 23, 59, 59, 999999), (False, 12))
    raw.rows["session_timestamp"].append(("lonely", noon))
    raw.rows["user_session_channel"].append((4, None, "Google"))
    create_raw_tables(warehouse)
    raw.write(warehouse)
    return warehouse, raw

def run(warehouse, raw, *options, **variables):
    """Write the raw tables, run dbt, compare with the oracle; returns the reasons of the days."""
    raw.write(warehouse)
    warehouse.type("run", *options, demo_data=False, **variables)
    assert_marts_equal(warehouse, raw.marts())
    assert read_rejected(warehouse) == raw.rejected()
    return dict(
        warehouse.query(f"select session_date, reason from {warehouse.schema}.rebuild_days")
    )


def test_demo_marts_equal_those_of_duckdb(demo, tmp_path):
    """Guards against: a macro for Redshift that means something else than its neighbours."""
    duckdb = Warehouse("duckdb", tmp_path)
    duckdb.dbt("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
    expected = read_marts(duckdb)
    assert all(expected.values())
    assert read_marts(demo) == expected


def test_marts_follow_raw(history):
    """Guards against: an incremental form that is valid and wrong; days, users and months that are
    not rebuilt, by comparison or by an interval; a table that cannot be published."""
    warehouse, raw = history
    assert set(run(warehouse, raw).values()) == {"first build"}
    assert run(warehouse, raw) == {}

    # A session moves to another day and month, a refund flips, a day loses its rows.
    raw.rows["session_timestamp"].remove(("a1", datetime(2019, 7, 1, 12)))
    raw.rows["session_timestamp"].append(("a1", datetime(2019, 9, 1)))
    raw.rows["session_transaction"].remove(("c1", False, 12))
    raw.rows["session_transaction"].append(("c1", True, 12))
    for table in ("user_session_channel", "session_timestamp", "session_transaction"):
        raw.rows[table] = [row for row in raw.rows[table] if not {"B1", "b1"} & set(row)]
    changed = run(warehouse, raw)
    days = {date(2019, 7, 1), date(2019, 7, 2), date(2019, 9, 1), date(2019, 10, 31)}
    assert set(changed) == days
    assert set(changed.values()) == {"changed"}

    raw.add_session("d1", 5, "Google", datetime(2019, 11, 5), (False, 99))
    interval = ("--event-time-start", "2019-11-01", "--event-time-end", "2019-12-01")
    listed = run(warehouse, raw, *interval)
    assert len(listed) == 30 and set(listed.values()) == {"interval"}

    warehouse.type("run-operation", "finish_days", demo_data=False)
    for _ in range(2):
        warehouse.type(
            "run-operation", "publish", "--args", f"{{schema: {warehouse.schema}_out}}",
            demo_data=False,
        )  # fmt: skip
        assert read_marts(warehouse, f"{warehouse.schema}_out") == read_marts(warehouse)


def test_every_statement_is_redshift_sql(demo, history, stand_in):
    """Guards against: SQL that PostgreSQL takes and Redshift does not, in a model, test, unit test,
    analysis or hook, on a first build or later."""
    kinds = ("model", "test", "analysis")
    nodes = {
        name: result.node.compiled_code
        for name, result in demo.compiled.items()
        if result.node.resource_type in kinds
    }
    [manifest] = demo.manifests.values()
    assert set(nodes) == {
        node.name for node in manifest.nodes.values() if node.resource_type in kinds
    }
    statements = different(stand_in.statements)
    assert len(statements) > 150
    refused = {
        sql: problems
        for sql in [*nodes.values(), *statements]
        if (problems := redshift_sql.statement_problems(sql))
    }
    assert refused == {}
    ours = [
        sql
        for sql in statements
        if CATALOG not in sql and "unit_test" not in sql and "__dbt_tmp" not in sql
    ]
    unparsed = {
        sql: problems
        for sql in [*nodes.values(), *ours]
        if (problems := redshift_sql.sqlfluff_problems(sql))
    }
    assert unparsed == {}
    print(f"\n{len(nodes)} nodes and {len(statements)} statements; sqlfluff: {len(ours)} of these")


def different(statements):
    """Statements that differ in more than texts, numbers and names of temporary tables."""
    found = {}
    for sql in statements:
        sql = re.sub(r"\$\d+", "null", redshift_sql.without_comments(sql)).strip()
        # Seeds: a thousand rows of parameters are like one.
        sql = re.sub(r"(\((null,?)+\)),(\((null,?)+\),?)+", r"\1", sql)
        key = re.sub(r"'[^']*'|\b\d+\b|(?<=__dbt_tmp)\d+|(?<=analytics_)\w+", "", sql)
        found.setdefault(key, sql)
    return list(found.values())


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("select array_agg(a order by b) from t", "no function of Redshift: array_agg"),
        ("select pg_advisory_xact_lock(1)", "no function of Redshift: pg_advisory_xact_lock"),
        ("select generate_series(1, 2)", "no function of Redshift: generate_series"),
        ("select hashtextextended(a, 0) from t", "no function of Redshift: hashtextextended"),
        ("select json_build_object('a', a) from t", "no function of Redshift: json_build_object"),
        ("select isfinite(a) from t", "no function of Redshift: isfinite"),
        ("select distinct on (a) a, b from t", "distinct on"),
        ("select count(*) filter (where a) from t", "filter (where ...) after an aggregate"),
        ("select a from t where a is distinct from b", "is distinct from"),
        ('select min(a collate "C") from t', "collate"),
        ("select a from t union distinct select a from u", "union distinct"),
        ("with recursive x as (select 1 as a) select a from x", "recursive"),
        ("select a from (values (1), (2)) as x (a)", "values outside insert"),
        ("select raw.a from t as raw", "reserved word as a name: raw"),
        ("with x as (select 'b' as a) select x.a || c from x, t", "no type: 'b' AS a"),
        ("select a from t where a in (select b from u where u.c = t.c)", "correlated subquery"),
        ("set local enable_indexscan = off", "set"),
        ("create index on t (a)", "index"),
        ("select a from t where (", "sqlglot cannot parse it"),
    ],
)
def test_what_redshift_lacks_is_refused(sql, problem):
    """Guards against: a check that lets everything pass."""
    assert any(found.startswith(problem) for found in redshift_sql.statement_problems(sql))


def test_tables_have_keys_for_their_place_on_the_cluster(demo, stand_in):
    """Guards against: large tables spread at random, and read whole for a day."""
    created = {}
    for sql in stand_in.statements:
        if table := re.search(rf'create table\s+"\w+"."{demo.schema}"."(\w+?)(?:__dbt_tmp)?"', sql):
            created[table.group(1)] = " ".join(
                re.findall(r"distkey \(\w+\)|sortkey\([\w,]+\)", sql)
            )
    assert created["fct_sessions"] == "distkey (user_id) sortkey(session_date)"
    assert created["user_first_last_touch"] == "distkey (user_id) sortkey(user_id)"
    assert created["user_revenue"] == "distkey (user_id) sortkey(user_id)"
    assert created["monthly_channel_conversion"] == "sortkey(session_month)"
    assert created["rebuild_scope"] == "distkey (user_id)"
    assert created["top_revenue_users"] == "sortkey(revenue_rank)"


def test_marts_are_rebuilt_one_at_a_time(demo, stand_in):
    """Guards against: two runs that rebuild a mart side by side: Redshift enforces no key."""
    lock = f'lock "{demo.schema}"."rebuild_scope"'
    locked = [i for i, sql in enumerate(stand_in.statements) if lock in sql]
    before = [
        re.sub(r"/\*.*?\*/", "", stand_in.statements[i - 1], flags=re.DOTALL).strip().lower()
        for i in locked
    ]
    assert len(locked) > 5
    assert {statement.rstrip(";") for statement in before} == {"begin"}


def test_texts_that_would_be_cut_are_refused(new_warehouse):
    """Guards against: session ids that become one because Redshift cuts both without a word."""
    warehouse = new_warehouse()
    create_raw_tables(
        warehouse,
        session_timestamp={"sessionid": "varchar(300)", "ts": "timestamp"},
    )
    with pytest.raises(Refused, match="sessionid .* texts of 300 characters, must be 256 at most"):
        warehouse.type("run", demo_data=False)


def test_hostile_values_stop_before_a_connection(new_warehouse, monkeypatch, stand_in):
    """Guards against: rules that are there and that nobody asks."""
    new_warehouse()
    before = len(stand_in.statements)
    monkeypatch.setenv("DBT_REDSHIFT_HOST", "x;drop")
    said = []
    runner = dbtRunner(callbacks=[lambda event: said.append(event.info.msg)])
    outcome = runner.invoke(["--log-level-file", "none", "parse", "--target", "redshift"])
    assert not outcome.success
    assert "DBT_REDSHIFT_HOST" in str(outcome.exception) + " ".join(said)
    assert len(stand_in.statements) == before
