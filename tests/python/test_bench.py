"""The benchmark at a tiny size: it measures everything, finds the tables equal, leaves nothing."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import duckdb
import psutil
import pytest
from load_raw import TABLES
from warehouse import PROJECT_ROOT, Warehouse

from benchmarks import raw_data
from benchmarks.measure import MemoryWatch, covered_seconds
from benchmarks.ours import MONTH, Ours
from benchmarks.place import BenchmarkError, Place, Progress, documented_settings
from benchmarks.reference import build_reference, check_against_reference

# One after the other: they look for each other's remains.
pytestmark = pytest.mark.xdist_group("bench")

SESSIONS = 20_000


@pytest.fixture
def postgres(engine, request):
    """Environment variables of the PostgreSQL server; none on DuckDB."""
    return request.getfixturevalue("postgres_environment") if engine == "postgres" else {}


def start_bench(engine, folder, environment, *options):
    """Start the benchmark with its temporary data and results in a folder.

    Args:
        engine: "duckdb" or "postgres".
        folder: for this test only.
        environment: the variables of a PostgreSQL server; without them it starts its own.
        options: further options of the command line.
    """
    outer = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    for name in ("temporary", "results"):
        (folder / name).mkdir(exist_ok=True)
    return subprocess.Popen(
        [
            sys.executable, "-m", "benchmarks", "--engine", engine, "--sessions", str(SESSIONS),
            "--folder", folder / "temporary", "--results", folder / "results", *options,
        ],
        cwd=PROJECT_ROOT,
        env=outer | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def bench(engine, folder, environment, *options):
    """Run the benchmark to its end; returns what it printed."""
    process = start_bench(engine, folder, environment, *options)
    printed, said = process.communicate()
    assert process.returncode == 0, said
    return printed


def schemas(engine, folder, environment):
    """Schemas on the server that a benchmark made; on DuckDB they are in a file that is gone."""
    if engine == "duckdb":
        return set()
    own = Path(tempfile.mkdtemp(dir=folder))
    rows = Warehouse("postgres", own, environment).query("select nspname from pg_namespace")
    return {name for (name,) in rows if "bench_" in name}


def test_measures_everything_and_leaves_nothing(engine, tmp_path, postgres):
    """Guards against: a benchmark that stopped working, rows without a figure, tables that differ
    from the reference or from microbatch's, and schemas or files left behind."""
    before = schemas(engine, tmp_path, postgres)
    # What is the same on both engines runs on one. SQLMesh has an environment of its own.
    own = {"duckdb": "tenth,cli", "postgres": "readers"}[engine]
    only = f"reference,ours,microbatch,{own}"
    shown = bench(engine, tmp_path, postgres, "--runs", "1", "--only", only)

    (page,) = (tmp_path / "results").glob("*.md")
    result = json.loads(page.with_suffix(".json").read_text())
    figures = {row["key"]: row for row in result["rows"]}
    expected = {
        "full_build", "one_day", "one_day_tests", "one_month", "nothing_changed", "late_row",
        "memory", "microbatch_month", "floor_scan", "floor_join",
    } | {"duckdb": {"growth", "cli"}, "postgres": {"readers_full", "readers_day"}}[engine]
    assert figures.keys() == expected
    for key, row in figures.items():
        assert len(row["runs"]) == 1 and row["min"] == row["median"] == row["max"] > 0, key
        assert row["label"] in shown and row["label"] in page.read_text()
    # Bars are for another size, but that of the command line.
    judged = {key for key, row in figures.items() if row["passed"] is not None}
    assert judged == figures.keys() & {"cli"}
    for name, cost in result["costs"].items():
        if name.startswith(("ours", "tenth", "microbatch")):
            assert 0 < cost["database_seconds"]["median"] < cost["wall_seconds"]["median"], name
            assert cost["memory_bytes"]["median"] > 10 << 20, name
        if name.startswith(("ours", "tenth")):
            marts = cost["marts_seconds"]["median"]
            assert 0 < marts < cost["database_seconds"]["median"], name
    assert result["sessions"] == SESSIONS
    assert result["versions"]["dbt-core"] and result["settings"]

    assert "After the last round the marts equal the reference queries." in result["checks"]
    assert "The marts of microbatch equal those of this project." in result["checks"]
    for run, counts in result["found"]["after_a_deleted_row"].items():
        assert counts["ours"] == counts["raw"], run

    chart = page.with_suffix(".svg").read_text()
    assert "full build, all marts" in chart

    written = page.read_text() + page.with_suffix(".json").read_text() + chart
    assert str(tmp_path) not in written and os.uname().nodename not in written
    assert list((tmp_path / "temporary").iterdir()) == []
    assert schemas(engine, tmp_path, postgres) <= before


def test_generated_data_are_as_promised(engine, tmp_path, postgres):
    """Guards against: ratios measured on data of another shape: few months, users without a heavy
    tail, wrong shares, no keys, no indexes, no statistics, other rows on each engine."""
    place = Place(engine, tmp_path, f"bench_shape_{uuid.uuid4().hex[:8]}", environment=postgres)
    raw = place.schema("raw")
    try:
        place.generate(raw, SESSIONS, Progress())
        assert place.has_data(raw, SESSIONS)

        def one(sql):
            return place.query(sql.replace("raw.", f"{raw}."))[0]

        days = one(
            "select count(*), min(cast(ts as date)), max(cast(ts as date)),"
            " count(distinct cast(ts as date)), count(distinct date_trunc('month', ts)),"
            " count(distinct ts) from raw.session_timestamp"
        )
        assert days == (
            SESSIONS, raw_data.FIRST_DAY, raw_data.LAST_DAY, 3 * 365, raw_data.MONTHS, SESSIONS,
        )  # fmt: skip
        assert one(
            "select count(distinct sessionid), min(length(sessionid)), max(length(sessionid)),"
            " count(case when sessionid = lower(sessionid) then 1 end) from raw.session_timestamp"
        ) == (SESSIONS, 32, 32, SESSIONS)
        assert one(
            "select count(*) from raw.session_timestamp join raw.user_session_channel"
            " using (sessionid)"
        ) == (SESSIONS,)

        users, largest, median = one(
            "select count(*), max(n), percentile_cont(0.5) within group (order by n) from"
            " (select count(*) as n from raw.user_session_channel group by userid) as per_user"
        )
        assert 9.9 < SESSIONS / users < 10.3
        assert largest > 20 * median and median < 10
        assert one("select count(distinct channel), count(*) from raw.user_session_channel"
                   " join raw.channel on channel = channelname") == (6, SESSIONS)  # fmt: skip

        paying, transactions, refunded, unknown, zero, nothing = one(
            "select count(distinct sessionid), count(*), count(case when refunded then 1 end),"
            " count(*) - count(refunded), count(case when amount = 0 then 1 end),"
            " count(*) - count(amount) from raw.session_transaction"
        )
        assert 0.055 < paying / SESSIONS < 0.065
        assert paying < transactions < 1.1 * paying
        for count in (refunded, unknown, zero, nothing):
            assert 0 < count < 0.1 * transactions

        # The same rows on both engines.
        assert one(
            "select md5(string_agg(sessionid || ts || userid || channel, '' order by sessionid))"
            " from raw.session_timestamp join raw.user_session_channel using (sessionid)"
        ) == ("eabbd8168268507034f83b3210b4a05d",)
        assert one(
            "select md5(string_agg(concat_ws(',', sessionid, amount), ';' order by sessionid,"
            " amount)) from raw.session_transaction"
        ) == ("79a43b259e7179a999853bfc970cbba3",)

        if engine == "postgres":
            indexes = place.query(
                "select indexdef from pg_indexes where schemaname = "
                f"'{raw}' order by tablename, indexname"
            )
            assert [definition.split(" USING ")[1] for (definition,) in indexes] == [
                "btree (channelname)", "btree (sessionid)", "btree (ts)", "btree (sessionid)",
                "btree (sessionid)",
            ]  # fmt: skip
            assert sum(definition.startswith("CREATE UNIQUE") for (definition,) in indexes) == 3
            assert place.query(
                "select count(distinct tablename) from pg_stats where schemaname ="
                f" '{raw}'"
            ) == [(len(TABLES),)]
    finally:
        place.drop(*place.schemas())


def test_interrupted_benchmark_leaves_nothing(engine, tmp_path, postgres):
    """Guards against: Ctrl-C, or a stopped job, that leaves gigabytes of data."""
    before = schemas(engine, tmp_path, postgres)
    process = start_bench(engine, tmp_path, postgres, "--only", "ours")
    deadline = time.monotonic() + 300
    while not any("dbt" in child.name() for child in psutil.Process(process.pid).children()):
        assert process.poll() is None and time.monotonic() < deadline, "dbt never ran"
        time.sleep(0.05)
    time.sleep(2)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 130 and "interrupted" in said
    assert list((tmp_path / "temporary").iterdir()) == []
    assert list((tmp_path / "results").iterdir()) == []
    assert schemas(engine, tmp_path, postgres) <= before


def test_wrong_marts_end_the_benchmark(engine, tmp_path, postgres):
    """Guards against: a benchmark of runs that did not do their work."""
    place = Place(engine, tmp_path, f"bench_wrong_{uuid.uuid4().hex[:8]}", environment=postgres)
    raw = place.schema("raw")
    try:
        place.generate(raw, SESSIONS, Progress())
        ours = Ours(place, "analytics", raw)
        ours.full_build()
        build_reference(place, raw)
        check_against_reference(place, ours.schema)
        ours.check_last_day()
        ours.check_month()

        spoiled = {
            "user_first_last_touch": "last_touch_channel = 'Nowhere' where user_id = 7",
            "top_revenue_users": "net_revenue = net_revenue - 1 where revenue_rank = 1",
            "monthly_channel_conversion": "conversion_rate = conversion_rate + 0.02"
            " where session_month = date '2022-07-01' and channel = 'Google'",
        }
        for mart, change in spoiled.items():
            place.execute(
                f"create table {ours.schema}.as_it_was as select * from {ours.schema}.{mart}",
                f"update {ours.schema}.{mart} set {change}",
            )
            with pytest.raises(BenchmarkError, match=f"{mart} differs from the reference"):
                check_against_reference(place, ours.schema)
            place.execute(
                f"delete from {ours.schema}.{mart}",
                f"insert into {ours.schema}.{mart} select * from {ours.schema}.as_it_was",
                f"drop table {ours.schema}.as_it_was",
            )
        check_against_reference(place, ours.schema)

        ours.flip_refunds(MONTH)
        with pytest.raises(BenchmarkError, match="monthly_channel_conversion is not what the raw"):
            ours.check_month()
        ours.take_out_last_day()
        with pytest.raises(BenchmarkError, match="fct_sessions is not what the raw"):
            ours.check_last_day(empty=True)
        ours.put_back_last_day()
        assert place.has_data(raw, SESSIONS)
        place.execute(f"delete from {ours.schema}.fct_sessions")
        place.execute(f"delete from {raw}.session_timestamp where ts >= timestamp '2023-12-31'")
        with pytest.raises(BenchmarkError, match="raw has 0 sessions"):
            ours.check_last_day()
    finally:
        place.drop(*place.schemas())


@pytest.fixture
def open_folder():
    """A folder that everybody may enter: for root, PostgreSQL runs as the user nobody."""
    with tempfile.TemporaryDirectory(prefix="elt_summary_test_") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def test_own_server_with_either_settings(open_folder):
    """Guards against: a server of the benchmark's own that does not start, runs with other settings
    than the results say, is not measured, or is left behind; results of one kind of settings that
    overwrite those of the other."""
    options = ("--runs", "1", "--only", "reference,cli")
    bench("postgres", open_folder, {}, *options)
    bench("postgres", open_folder, {}, *options, "--settings", "default")
    assert list((open_folder / "temporary").iterdir()) == []
    documented, default = (
        json.loads((open_folder / "results" / f"postgres-{SESSIONS}{ending}.json").read_text())
        for ending in ("", "-default-settings")
    )
    assert documented["settings"]["work_mem"] == documented_settings()["work_mem"] != "4MB"
    assert default["settings"]["work_mem"] == "4MB"
    for result in (documented, default):
        assert result["costs"]["demo: dbt parse"]["server_memory_bytes"]["min"] > 10 << 20


def test_kept_data_are_used_again_if_whole(tmp_path):
    """Guards against: data generated anew each time although they were kept, kept data with rows
    missing, and other tables that stay beside them."""
    kept = tmp_path / "kept"
    options = ("--runs", "1", "--only", "reference", "--keep-data", kept)

    def run():
        process = start_bench("duckdb", tmp_path, {}, *options)
        _, said = process.communicate()
        assert process.returncode == 0, said
        return "are there from the last time" in said

    def tables():
        with duckdb.connect(str(kept / "duckdb" / "warehouse.duckdb")) as connection:
            return connection.execute(
                "select table_schema || '.' || table_name from information_schema.tables"
            ).fetchall()

    assert not run()
    assert {name.split(".")[1] for (name,) in tables()} == TABLES.keys()
    assert len(tables()) == len(TABLES)
    assert run()
    (timestamps,) = [name for (name,) in tables() if name.endswith("session_timestamp")]
    with duckdb.connect(str(kept / "duckdb" / "warehouse.duckdb")) as connection:
        connection.execute(f"delete from {timestamps} where ts > timestamp '2023-12-31 12:00:00'")
    assert not run()


def test_shared_memory_counts_once():
    """Guards against: a server's buffers counted for each of its processes, or for none."""
    program = """if True:
        import mmap, os
        buffers = mmap.mmap(-1, 64 << 20)  # shared with the processes below
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                break
        buffers.write(bytes(64 << 20))
        print(flush=True)
        os.read(0, 1)
    """
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for _ in range(3):  # each has written to all of the buffers
            process.stdout.readline()
        watches = MemoryWatch(process.pid, shared=True), MemoryWatch(process.pid)
        once, each = (watched(watch) for watch in watches)
        process.communicate()
    assert 64 << 20 < once < each - (100 << 20)


def watched(watch):
    """Bytes that a MemoryWatch has seen at most, once it has looked."""
    with watch:
        while not watch.peak:
            time.sleep(0.01)
    return watch.peak


def test_overlapping_nodes_count_once():
    """Guards against: two threads that make the database look twice as slow, or hidden gaps."""
    assert covered_seconds([]) == 0
    assert covered_seconds([(10, 12), (3, 5), (4, 6), (4.5, 5)]) == 5


def test_documented_settings_are_settings(postgres_environment, tmp_path):
    """Guards against: a docs/postgresql.conf that no server takes."""
    settings = documented_settings()
    known = Warehouse("postgres", tmp_path, postgres_environment).query(
        "select name from pg_settings"
    )
    assert "work_mem" in settings and settings.keys() <= {name for (name,) in known}
