"""Command line of the benchmark; see README.md in this folder."""

import argparse
import importlib.metadata
import os
import platform
import signal
import sys
from pathlib import Path

import duckdb
import psutil
import psycopg2

from benchmarks import PROJECT_ROOT, raw_data, sqlmesh
from benchmarks.place import BenchmarkError, Progress, place_for
from benchmarks.report import Samples, spreads, table_rows, text_lines, write
from benchmarks.rounds import CONTENDERS, Rounds

RESULTS = PROJECT_ROOT / "benchmarks" / "results"


def main(argv=None):
    """Run as the command line says; returns the exit code: 0 measured, 1 not, 130 interrupted."""
    options = parse_arguments(argv)
    # As Ctrl-C: what was made is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    progress = Progress()
    try:
        result = run(options, progress)
    except KeyboardInterrupt:
        progress.say("interrupted; everything that was made is removed")
        return 130
    except (BenchmarkError, duckdb.Error, psycopg2.Error, OSError) as error:
        progress.say(f"benchmark: {str(error).strip()}")
        return 1
    print("\n".join(text_lines(result)))
    for path in write(result, options.results):
        progress.say(f"wrote {os.path.relpath(path)}")
    return 0


def parse_arguments(argv):
    """The options; argparse exits with 2 when they are unusable."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--engine", choices=["duckdb", "postgres"], default="duckdb")
    parser.add_argument("--sessions", type=int, default=10_000_000, help="default: %(default)s")
    parser.add_argument("--runs", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=list(CONTENDERS),
        metavar="CONTENDERS",
        help=f"some of {','.join(CONTENDERS)} (default: all)",
    )
    parser.add_argument(
        "--settings",
        choices=["documented", "default"],
        default="documented",
        help="of the benchmark's own PostgreSQL server: those of docs/postgresql.conf or"
        " PostgreSQL's (default: %(default)s)",
    )
    parser.add_argument("--folder", type=Path, help="for temporary data (default: the system's)")
    parser.add_argument(
        "--keep-data", type=Path, metavar="FOLDER", help="keep the raw tables for the next time"
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder (default: benchmarks/results)"
    )
    options = parser.parse_args(argv)
    unknown = [name for name in options.only if name not in CONTENDERS]
    if unknown:
        parser.error(f"--only: no contender {', '.join(unknown)}; choose of {','.join(CONTENDERS)}")
    if options.sessions < raw_data.LEAST_SESSIONS:
        parser.error(f"--sessions must be at least {raw_data.LEAST_SESSIONS}")
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    return options


def run(options, progress):
    """Measure everything; returns the result as a dict."""
    samples = Samples()
    with place_for(
        options.engine, options.sessions, options.settings, options.keep_data, options.folder
    ) as place:
        if place.server is not None:
            source = {"documented": "docs/postgresql.conf", "default": "PostgreSQL's defaults"}
            settings_from = source[options.settings]
        else:
            settings_from = "DuckDB's defaults" if place.engine == "duckdb" else "the server's own"
        progress.say(f"{place.engine_version()}, settings: {settings_from}")
        Rounds(place, options, samples, progress).run()
        raw = place.schema("raw")
        return {
            "engine": options.engine,
            "sessions": options.sessions,
            "transactions": place.one(f"select count(*) from {raw}.session_transaction"),
            "users": place.one(f"select count(distinct userid) from {raw}.user_session_channel"),
            "rounds": options.runs,
            "contenders": options.only,
            "engine_version": place.engine_version(),
            "versions": versions(options),
            "machine": {
                "cores": len(psutil.Process().cpu_affinity())
                if hasattr(psutil.Process, "cpu_affinity")
                else os.cpu_count(),
                "memory_gib": round(psutil.virtual_memory().total / (1 << 30), 1),
            },
            "settings_from": settings_from,
            "settings": place.settings(),
            "rows": table_rows(samples, options.engine, options.sessions),
            "costs": spreads(samples.costs),
            "waits": spreads(samples.waits),
            "found": samples.found,
            "checks": samples.checks,
        }


def versions(options):
    """Versions of what was measured, by name."""
    packages = ("dbt-core", "dbt-duckdb", "dbt-postgres")
    found = {name: importlib.metadata.version(name) for name in packages}
    found["Python"] = platform.python_version()
    return found | (sqlmesh.versions(options.engine) if "sqlmesh" in options.only else {})


if __name__ == "__main__":
    sys.exit(main())
