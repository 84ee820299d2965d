"""dbt's own microbatch: the same marts, the session fact in batches of a day."""

import json

import oracle

from benchmarks import PROJECT_ROOT
from benchmarks.measure import measure_dbt
from benchmarks.ours import MONTH, SESSION_TABLES, interval
from benchmarks.place import BenchmarkError
from benchmarks.raw_data import END_DAY, FIRST_DAY

FOLDER = PROJECT_ROOT / "benchmarks" / "microbatch"


class Microbatch:
    """The project in benchmarks/microbatch, on the raw tables of ours.

    Args:
        place: Place.
        name: of the schema of its marts.
        raw_schema: name of the schema of the raw tables.

    Attributes:
        schema: name of the schema of its marts.
    """

    def __init__(self, place, name, raw_schema):
        self._place = place
        self._warehouse = place.warehouse(name, raw_schema)
        self.schema = self._warehouse.schema

    def full_build(self):
        """Build everything in an empty schema, in few batches; nobody measures that."""
        self._place.drop(self.schema)
        self._run(*interval(FIRST_DAY, END_DAY), batch_size="year")

    def month(self):
        """Run the days of the month; returns the Cost."""
        return self._run(*interval(*MONTH))

    def plain_run(self):
        """Run without saying which days: yesterday and today by the clock; returns the Cost."""
        return self._run()

    def check_marts(self, ours):
        """Stop unless its marts equal ours, duplicates counted.

        Args:
            ours: Ours.

        Raises:
            BenchmarkError: which differs.
        """
        for mart, columns in oracle.COLUMNS.items():
            listed = ", ".join(columns.split())
            differences = self._place.differences(
                f"select {listed} from {ours.schema}.{mart}",
                f"select {listed} from {self.schema}.{mart}",
            )
            if differences:
                raise BenchmarkError(
                    f"{mart} of microbatch differs from ours in {differences:,} rows"
                )

    def _run(self, *options, **variables):
        # Not the warehouse's own command line: its option --vars is for the other project.
        variables["raw_schema"] = self._warehouse.raw_schema
        program, *_ = self._warehouse.dbt_command()
        command = [
            program, "run", *options, "--target", self._place.engine,
            "--vars", json.dumps(variables),
        ]  # fmt: skip
        return measure_dbt(self._place, self._warehouse, command=command, folder=FOLDER)


def after_a_deleted_row(place, ours, microbatch):
    """Delete one session of the month from raw and see who has it still, after a plain run of both
    and after a run of the month. Afterwards raw and the marts are as before.

    Args:
        place: Place.
        ours: Ours.
        microbatch: Microbatch.

    Returns:
        dict of what was run to sessions of the month in "raw", "ours" and "microbatch".
    """
    first, end = MONTH
    session = place.one(
        f"select min(sessionid) from {ours.raw}.session_timestamp"
        f" where ts >= timestamp '{first}' and ts < timestamp '{end}'"
    )
    of_session = f"where sessionid = '{session}'"
    held = place.schema("held_row")

    def sessions(table, column):
        return place.one(
            f"select count(*) from {table}"
            f" where {column} >= timestamp '{first}' and {column} < timestamp '{end}'"
        )

    def count():
        return {
            "raw": sessions(f"{ours.raw}.session_timestamp", "ts"),
            "ours": sessions(f"{ours.schema}.fct_sessions", "started_at"),
            "microbatch": sessions(f"{microbatch.schema}.fct_sessions", "started_at"),
        }

    place.execute(
        f"create schema {held}",
        *(
            f"create table {held}.{table} as select * from {ours.raw}.{table} {of_session}"
            for table in SESSION_TABLES
        ),
        *(f"delete from {ours.raw}.{table} {of_session}" for table in SESSION_TABLES),
    )
    found = {}
    ours.dbt("run")
    microbatch.plain_run()
    found["a plain run"] = count()
    ours.dbt("run", *interval(*MONTH))
    microbatch.month()
    found["a run of its month"] = count()

    place.execute(
        *(
            f"insert into {ours.raw}.{table} select * from {held}.{table}"
            for table in SESSION_TABLES
        ),
        f"drop schema {held} cascade",
    )
    ours.dbt("run", *interval(*MONTH))
    microbatch.month()
    return found


def describe_deleted_row(found):
    """What after_a_deleted_row() found, as sentences."""
    sentences = []
    for run, counts in found.items():
        judged = {
            name: f"{counts[name]:,} ({'right' if counts[name] == counts['raw'] else 'wrong'})"
            for name in ("ours", "microbatch")
        }
        sentences.append(
            f"A session deleted in raw, then {run}: its month has {counts['raw']:,} sessions in"
            f" raw, {judged['ours']} here, {judged['microbatch']} with microbatch."
        )
    return sentences
