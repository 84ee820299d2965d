"""What is measured, and the bars that it is held against.

A bar holds for the size at which it was set. At other sizes it is shown beside the figure, which
then says nothing about it: the smaller the data, the more of the time is dbt's own.
"""

from dataclasses import dataclass, field

BAR_SESSIONS = 10_000_000


@dataclass(frozen=True)
class Row:
    """A row of the table of results.

    Attributes:
        key: what the samples are filed under.
        contender: what must have been measured for the row to be there.
        label: what it says.
        bars: by engine, what the median must not exceed. An engine that is not named has no bar.
        unit: "×" for ratios, else "s" or "GiB".
        engines: those it is measured on.
        bar_sessions: at how many sessions the bar holds; None: at any number.
    """

    key: str
    contender: str
    label: str
    bars: dict = field(default_factory=dict)
    unit: str = "×"
    engines: tuple = ("duckdb", "postgres")
    bar_sessions: int | None = BAR_SESSIONS


def both(duckdb, postgres):
    """A bar for each engine."""
    return {"duckdb": duckdb, "postgres": postgres}


ROWS = (
    # Against the sum of the three reference queries in the same round, seconds in the database.
    Row("full_build", "ours", "full build, all marts", both(1.0, 1.0)),
    Row("one_day", "ours", "one-day interval run, models", both(0.10, 0.03)),
    Row("one_day_tests", "ours", "one-day interval run with all its tests", both(0.25, 0.06)),
    Row("one_month", "ours", "one-month backfill, models", both(0.25, 0.15)),
    Row("nothing_changed", "ours", "plain run, nothing changed", both(0.60, 0.40)),
    Row("late_row", "ours", "plain run, one late row two years back", both(0.80, 0.60)),
    Row("growth", "tenth", "one-day run ÷ the same at a tenth of the size", both(3.0, 1.5)),
    Row("memory", "ours", "peak memory of a full build, dbt", {"duckdb": 16.0}, "GiB",
        bar_sessions=30_000_000),
    Row("server_memory", "ours", "peak memory of a full build, server", {}, "GiB", ("postgres",)),
    # Against the others, seconds of the whole process.
    Row("sqlmesh_first", "sqlmesh", "first build with tests ÷ SQLMesh's, process", both(1.0, 1.0)),
    Row("sqlmesh_day", "sqlmesh", "one more day with tests ÷ SQLMesh's, process", both(1.0, 1.0)),
    Row("microbatch_month", "microbatch", "one-month backfill ÷ dbt microbatch's, process",
        both(1.0, 1.0)),
    Row("cli", "cli", "dbt build of the demo, nothing changed ÷ dbt parse, process",
        both(4.0, 4.0), bar_sessions=None),
    Row("readers_full", "readers", "longest wait of a reader, full build", {}, "s", ("postgres",)),
    Row("readers_day", "readers", "longest wait of a reader, one day", {}, "s", ("postgres",)),
    Row("floor_scan", "reference", "floor: bare scan of the raw tables ÷ reference"),
    Row("floor_join", "reference", "floor: bare join of the session tables ÷ reference"),
)  # fmt: skip
