"""The loader of files: each file once, corrected ones replace their rows, bad ones load nothing."""

import gzip
import json
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from shop import FIRST_DAY, LOAD_PYTHON, LOADER, Shop, write_files
from start import PROJECT
from tiers import size

# Runs in the loader's environment: it has dlt, dbt and pyarrow, which take seconds to import.
DRIVER = """
import contextlib, io, json, sys
sys.path.insert(0, sys.argv[1])
import load_files
results = []
for step in json.load(sys.stdin):
    for path, content in step.get("write", {}).items():
        open(path, "w", newline="").write(content)
    if "run" in step:
        exec(step["run"])
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = load_files.main(step["load"])
        except SystemExit as end:
            code = end.code
    results.append([code, said.getvalue()])
print("RESULTS" + json.dumps(results))
"""


class Loader:
    """Runs the loader on a warehouse.

    Args:
        warehouse: Warehouse.
    """

    def __init__(self, warehouse):
        self.warehouse = warehouse
        self._options = ["--target", warehouse.engine, "--schema", warehouse.raw_schema]

    def steps(self, *steps):
        """Load several times in one process.

        Args:
            steps: dicts with `load`, the arguments; and, done before, `write`, contents by path,
                and `run`, Python code for what Airflow's environment cannot do, as writing Parquet.

        Returns:
            Pairs of exit code and what was said.
        """
        result = subprocess.run(
            [LOAD_PYTHON, "-c", DRIVER, str(LOADER.parent)],
            input=json.dumps(
                [step | {"load": [*map(str, step["load"]), *self._options]} for step in steps]
            ),
            # A machine whose clock is not UTC.
            env=self.warehouse.child_environment({"TZ": "Asia/Seoul"}),
            cwd=PROJECT,
            text=True,
            capture_output=True,
        )
        assert result.returncode == 0, result.stderr
        return [tuple(pair) for pair in json.loads(result.stdout.split("RESULTS")[1])]

    def rows(self):
        """Rows of the raw tables without the columns of the loader, sorted, by table."""
        raw = self.warehouse.raw_schema
        columns = {
            "user_session_channel": "userid, sessionid, channel",
            "session_timestamp": "sessionid, ts",
            "session_transaction": "sessionid, refunded, amount",
            "channel": "channelname",
        }
        return {
            table: sorted(self.warehouse.query(f"select {names} from {raw}.{table}"), key=repr)
            for table, names in columns.items()
        }

    def load_times(self):
        """For each table, the load times and how many rows each has."""
        raw = self.warehouse.raw_schema
        return {
            table: self.warehouse.query(
                f"select source_file, loaded_at, count(*) from {raw}.{table}"
                " group by source_file, loaded_at order by source_file, loaded_at"
            )
            for table in self.rows()
        }

    def has_tables(self):
        """Whether anything was made in the schema of the raw tables."""
        return bool(
            self.warehouse.query(
                "select 1 from information_schema.tables"
                f" where table_schema = '{self.warehouse.raw_schema}'"
            )
        )


@pytest.fixture
def loader(warehouse):
    """Loader on an empty warehouse."""
    return Loader(warehouse)


@pytest.fixture
def duckdb_loader(tmp_path):
    """Loader on DuckDB alone, for what happens before any engine is asked."""
    from warehouse import Warehouse

    return Loader(Warehouse("duckdb", tmp_path))


def sorted_rows(tables):
    """Rows as Loader.rows gives them."""
    return {table: sorted(rows, key=repr) for table, rows in tables.rows.items()}


def test_the_same_files_twice_change_nothing_and_a_corrected_file_replaces_its_rows(
    loader, tmp_path
):
    """Guards against: rows twice, load times that move though nothing changed, rows of the old file
    left behind, rows of other files gone; and a file that has no rows any more."""
    shop = Shop(2)
    source = shop.deliver(tmp_path / "files")
    days = [day.isoformat() for day in shop.days]
    first, second = ({"load": ["--day", day, source]} for day in days)
    results = loader.steps(first, second)
    assert [code for code, _ in results] == [0, 0], results
    assert loader.rows() == with_channels(shop, 2)
    before = loader.load_times()

    results = loader.steps(first, second)
    assert [said[:15] for _, said in results] == ["Nothing to load"] * 2, results
    assert loader.load_times() == before

    shop.flip_refunds(shop.days[0])
    shop.payments["s0u2"] = []
    shop.deliver(tmp_path / "files")
    results = loader.steps(first)
    assert results[0][0] == 0 and "1 of 4 files" in results[0][1], results
    assert loader.rows() == with_channels(shop, 2)
    after = loader.load_times()
    changed = [table for table in before if before[table] != after[table]]
    assert changed == ["session_transaction"]
    assert after["session_transaction"][1:] == before["session_transaction"][1:]
    registry = f"{loader.warehouse.raw_schema}.loaded_files"
    names = loader.warehouse.query(f"select name from {registry}")
    assert len(names) == len(set(names)) == 8
    assert after["session_transaction"][0][1] > before["session_transaction"][0][1]

    for session in shop.payments:
        if session.startswith("s0"):
            shop.payments[session] = []
    shop.deliver(tmp_path / "files")
    results = loader.steps(first)
    assert results[0][0] == 0, results
    assert loader.rows() == with_channels(shop, 2)


def with_channels(shop, deliveries):
    """What raw must hold: the list of channels comes with each delivery."""
    rows = sorted_rows(shop.raw())
    return rows | {"channel": sorted(rows["channel"] * deliveries)}


# Makes Parquet of two files in FOLDER, times in ZONE.
PARQUET = """
import os, pyarrow, pyarrow.csv, pyarrow.parquet
for table in ["user_session_channel", "session_timestamp"]:
    rows = pyarrow.csv.read_csv(f"{FOLDER}/{table}.csv")
    if "ts" in rows.column_names:
        utc = rows["ts"].cast(pyarrow.timestamp("us", "UTC"))
        rows = rows.set_column(1, "ts", utc.cast(pyarrow.timestamp("us", ZONE)))
    pyarrow.parquet.write_table(rows, f"{FOLDER}/{table}.parquet")
    os.remove(f"{FOLDER}/{table}.csv")
"""


def test_csv_gz_and_parquet_are_the_same_rows(loader, tmp_path):
    """Guards against: times of another zone taken for UTC, and rows that differ by format."""
    shop = Shop(1)
    folder = tmp_path / "files"
    write_files(folder, shop.raw().rows)
    path = folder / "session_transaction.csv"
    with gzip.open(f"{path}.gz", "wb") as file:
        file.write(path.read_bytes())
    path.unlink()
    make = f"FOLDER, ZONE = {str(folder)!r}, 'Asia/Seoul'" + PARQUET
    results = loader.steps({"run": make, "load": [folder]})
    assert results[0][0] == 0, results
    assert loader.rows() == sorted_rows(shop.raw())


class Server:
    """A web server on this machine's own address.

    Args:
        folder: what it serves.
        cut: name of a file of which only half is sent, though all is announced.
        forbidden: name of a file that it refuses.

    Attributes:
        encodings: which ones were asked for.
    """

    def __init__(self, folder, cut="-", forbidden="-"):
        self.encodings = encodings = set()

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, directory=str(folder), **kwargs)

            def log_message(self, *_):
                pass

            def do_GET(self):
                encodings.add(self.headers["Accept-Encoding"])
                if self.path.endswith(forbidden):
                    self.send_error(403)
                else:
                    super().do_GET()

            def copyfile(self, source, outputfile):
                content = source.read()
                is_cut = self.path.endswith(cut)
                outputfile.write(content[: len(content) // 2] if is_cut else content)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def test_files_come_by_http(loader, tmp_path):
    """Guards against: a source that only works as a folder; and a file that was loaded from the web
    loaded again from a folder."""
    shop = Shop(1)
    shop.deliver(tmp_path)
    day = FIRST_DAY.isoformat()
    with Server(tmp_path) as server:
        step = {"load": ["--day", day, server.address + "/{day}"]}
        results = loader.steps(step, step, {"load": ["--day", day, str(tmp_path / "{day}")]})
    assert [code for code, _ in results] == [0, 0, 0], results
    assert [said.startswith("Nothing to load") for _, said in results] == [False, True, True]
    assert loader.rows() == sorted_rows(shop.raw())
    # What is packed on the way has no length by which one sees that it was cut off.
    assert server.encodings == {"identity"}


def test_what_is_missing_cut_off_or_changed_loads_nothing(loader, tmp_path):
    """Guards against: half a delivery in the raw tables, and messages that do not say where."""
    shop = Shop(1)
    good = tmp_path / "good"
    write_files(good, shop.raw().rows)
    folders, expected = [], []

    def broken(name, expect, file="session_timestamp.csv", content=None):
        """A folder in which one file is not as it must be; None: it is not there."""
        folder = tmp_path / name
        write_files(folder, shop.raw().rows)
        (folder / file.replace(".gz", "").replace(".parquet", ".csv")).unlink()
        if content is not None:
            (folder / file).write_bytes(content)
        folders.append(folder)
        expected.append(expect)

    whole = (good / "session_timestamp.csv").read_bytes()
    packed = gzip.compress(whole)
    broken("missing", "lacks session_timestamp.csv")
    broken("cut", "session_timestamp.csv, line 4", content=whole[:-40])
    broken("cut_gz", "cut off, get it again", "session_timestamp.csv.gz", packed[:-20])
    broken("no_parquet", "get it again", "session_timestamp.parquet", whole)
    broken("empty", "line 1", content=b"")
    broken("renamed", "missing ts; unexpected time", content=whole.replace(b",ts", b",time"))
    broken("more", "unexpected zone", content=whole.replace(b",ts", b",ts,zone"))
    broken("other", "column ts: not a time", content=whole.replace(b"2019-07-01", b"07/01/2019"))
    broken("twice", "the same file in two formats", "session_timestamp.csv.gz", packed)
    (tmp_path / "twice/session_timestamp.csv").write_bytes(whole)
    folders.append(tmp_path / "nowhere")
    expected.append("there is no folder")

    with (
        Server(good, cut="session_timestamp.csv") as cuts,
        Server(good, forbidden="channel.csv") as forbids,
    ):
        results = loader.steps(
            *({"load": [folder]} for folder in folders),
            {"load": [forbids.address]},
            {"load": [cuts.address]},
        )
    for (code, said), text in zip(results, [*expected, "403", "cannot get"], strict=True):
        assert code == 1, said
        assert said.startswith("load_files: ") and said.count("\n") == 1, said
        assert text in said, (text, said)
    cut_by_http = results[-1][1]
    assert "session_timestamp.csv" in cut_by_http and "127.0.0.1" in cut_by_http
    assert not loader.has_tables()


def test_an_address_at_which_nobody_answers_and_a_day_that_is_not_said(duckdb_loader, tmp_path):
    """Guards against: a traceback instead of what to do, and the delivery of no day."""
    results = duckdb_loader.steps(
        {"load": ["http://127.0.0.1:9/none"]},
        {"load": [tmp_path / "{day}"]},
        {"load": ["--day", "2019-02-30", tmp_path / "{day}"]},
    )
    assert [code for code, _ in results] == [1, 2, 2]
    assert results[0][1].startswith("load_files: cannot get http://127.0.0.1:9/none/")
    assert "say which with --day" in results[1][1]
    assert "2019-02-30" in results[2][1]


# Makes Parquet of a file whose columns are not the table's; of text, of a date, with one too many.
OTHER_PARQUET = """
import pyarrow, pyarrow.parquet
columns = {"sessionid": ["s0u1"], "refunded": [False], "amount": pyarrow.array([1.5])}
if MORE:
    columns |= {"amount": pyarrow.array([1]), "zone": ["UTC"]}
pyarrow.parquet.write_table(pyarrow.table(columns), f"{FOLDER}/session_transaction.parquet")
"""


def test_parquet_with_other_columns_loads_nothing(duckdb_loader, tmp_path):
    """Guards against: amounts that are rounded, and columns that are guessed or left out."""
    write_files(tmp_path, Shop(1).raw().rows)
    (tmp_path / "session_transaction.csv").unlink()
    results = duckdb_loader.steps(
        *(
            {"load": [tmp_path], "run": f"FOLDER, MORE = {str(tmp_path)!r}, {more}" + OTHER_PARQUET}
            for more in (False, True)
        )
    )
    assert [code for code, _ in results] == [1, 1], results
    assert "amount is double, must be a whole number" in results[0][1]
    assert "unexpected zone" in results[1][1]
    assert not duckdb_loader.has_tables()


# While a file is read, somebody writes to it.
WRITTEN_MEANWHILE = """
original = load_files.checked_rows
def checked_rows(file, scratch):
    with open(file.path, "a") as other:
        other.write("Direct\\n" if file.table == "channel" else "")
    return original(file, scratch)
load_files.checked_rows = checked_rows
"""


def test_a_file_that_is_being_written_to_loads_nothing(duckdb_loader, tmp_path):
    """Guards against: the first half of a file that is still being delivered."""
    write_files(tmp_path, Shop(1).raw().rows)
    ((code, said),) = duckdb_loader.steps({"run": WRITTEN_MEANWHILE, "load": [tmp_path]})
    assert code == 1 and "channel.csv is being written to" in said, said
    assert not duckdb_loader.has_tables()


# The next load ends before dlt notes that it is complete, as when it is killed.
ENDS_EARLY = """
from dlt.destinations.job_client_impl import SqlJobClientBase
original = SqlJobClientBase.complete_load
def complete_load(self, load_id):
    SqlJobClientBase.complete_load = original
    raise RuntimeError("ended early")
SqlJobClientBase.complete_load = complete_load
"""


def test_a_load_that_ended_early_is_done_again(loader, tmp_path):
    """Guards against: files that pass for loaded though their load never came to its end."""
    shop = Shop(1)
    write_files(tmp_path / "files", shop.raw().rows)
    step = {"load": [tmp_path / "files"]}
    results = loader.steps({"run": ENDS_EARLY} | step, step)
    assert [code for code, _ in results] == [1, 0], results
    assert "ended early; run it again" in results[0][1], results
    assert "4 of 4 files" in results[1][1], results
    assert loader.rows() == sorted_rows(shop.raw())


def test_a_bad_correction_leaves_what_was_loaded(loader, tmp_path):
    """Guards against: rows that go before it is known that others can come."""
    shop = Shop(1)
    folder = tmp_path / "files"
    write_files(folder, shop.raw().rows)
    path = folder / "session_transaction.csv"
    content = path.read_text(encoding="utf-8")
    results = loader.steps(
        {"load": [folder]}, {"load": [folder], "write": {str(path): content + "s9,maybe,1\n"}}
    )
    assert [code for code, _ in results] == [0, 1], results
    assert "column refunded" in results[1][1]
    assert loader.rows() == sorted_rows(shop.raw())


def test_tables_of_another_loader_are_left_alone(loader, tmp_path):
    """Guards against: rows of load_raw.py among which files are to be found again."""
    from raw import create_raw_tables

    create_raw_tables(loader.warehouse)
    write_files(tmp_path / "files", Shop(1).raw().rows)
    ((code, said),) = loader.steps({"load": [tmp_path / "files"]})
    assert code == 1 and "made by another loader" in said
    assert loader.rows()["channel"] == []


@pytest.mark.parametrize("engine", size(["duckdb"], ["duckdb", "postgres"]))
def test_dbt_builds_by_load_time_what_was_loaded(loader, tmp_path):
    """Guards against: a column of load times that dbt's loaded_at_column cannot use."""
    from raw import assert_marts_equal

    shop = Shop(2)
    source = shop.deliver(tmp_path / "files")
    variables = {"demo_data": False, "loaded_at_column": "loaded_at"}
    results = loader.steps(*({"load": ["--day", day, source]} for day in shop.days))
    assert [code for code, _ in results] == [0, 0], results
    loader.warehouse.dbt("run", vars=variables)
    shop.flip_refunds(shop.days[1])
    shop.deliver(tmp_path / "files")
    assert loader.steps({"load": ["--day", shop.days[1].isoformat(), source]})[0][0] == 0
    loader.warehouse.dbt("run", vars=variables)
    assert loader.warehouse.query(
        f"select session_date, reason from {loader.warehouse.schema}.rebuild_days"
    ) == [(shop.days[1], "loaded")]
    assert_marts_equal(loader.warehouse, shop.raw().marts())
