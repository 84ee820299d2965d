"""The rounds: every contender in turn, so that ratios come from the same minutes."""

import time

from benchmarks.cli import Demo
from benchmarks.microbatch import Microbatch, after_a_deleted_row, describe_deleted_row
from benchmarks.ours import LAST_DAY_ONLY, Ours
from benchmarks.readers import readers
from benchmarks.reference import build_reference, check_against_reference, time_floors
from benchmarks.sqlmesh import SqlMesh

GIB = 1 << 30
IDLE_SECONDS = 2

CONTENDERS = ("reference", "ours", "tenth", "sqlmesh", "microbatch", "readers", "cli")


class Rounds:
    """All rounds of one benchmark.

    Args:
        place: Place.
        options: from the command line: sessions, runs, only.
        samples: Samples, filled.
        progress: Progress.
    """

    def __init__(self, place, options, samples, progress):
        self._place = place
        self._options = options
        self._samples = samples
        self._progress = progress
        self._round = 0
        self._reference_seconds = None

    def run(self):
        """Generate the data and run all rounds.

        Raises:
            BenchmarkError: something failed, or a contender's tables are wrong.
        """
        place, sessions = self._place, self._options.sessions
        raw, raw_tenth = place.schema("raw"), place.schema("raw_tenth")
        self._generate(raw, sessions)
        self._ours = Ours(place, "analytics", raw)
        if self._has("tenth"):
            self._generate(raw_tenth, sessions // 10)
            self._tenth = Ours(place, "analytics_tenth", raw_tenth)
            self._tenth.full_build()
        if self._has("sqlmesh"):
            self._sqlmesh = SqlMesh(place, raw, sessions, self._progress)
        if self._has("microbatch"):
            self._progress.say("microbatch: first build, not measured")
            self._microbatch = Microbatch(place, "microbatch", raw)
            self._microbatch.full_build()
        if self._has("cli"):
            self._demo = Demo(place)

        contenders = [getattr(self, f"_run_{name}") for name in CONTENDERS if self._has(name)]
        for number in range(1, self._options.runs + 1):
            self._round = number
            for run_contender in contenders:
                run_contender()

        if self._has("microbatch"):
            self._need_marts()
            found = after_a_deleted_row(place, self._ours, self._microbatch)
            self._samples.found["after_a_deleted_row"] = found
            for sentence in describe_deleted_row(found):
                self._conclude(sentence)
        if self._has("reference") and self._ours.exists():
            build_reference(place, raw)
            check_against_reference(place, self._ours.schema)
            self._conclude("After the last round the marts equal the reference queries.")

    # --- the contenders, in order -----------------------------------------------------------------

    def _run_reference(self):
        raw = self._place.schema("raw")
        seconds = build_reference(self._place, raw)
        total = sum(seconds.values())
        for table, found in seconds.items():
            self._samples.cost(f"reference: {table}", {"database_seconds": found})
        self._samples.cost("reference: sum", {"database_seconds": total})
        self._say(f"reference: {total:.2f} s")
        for key, (name, found) in zip(
            ("floor_scan", "floor_join"), time_floors(self._place, raw).items(), strict=True
        ):
            self._samples.cost(f"floor: {name}", {"database_seconds": found})
            self._samples.figure(key, found / total)
        self._reference_seconds = total

    def _run_ours(self):
        ours = self._ours
        built = self._against_reference("full_build", "full build", ours.full_build())
        self._samples.figure("memory", built.memory_bytes / GIB)
        if built.server_memory_bytes:
            self._samples.figure("server_memory", built.server_memory_bytes / GIB)
        if self._reference_seconds:
            check_against_reference(self._place, ours.schema)
        self._against_reference("one_day", "one day", ours.new_day("run", *LAST_DAY_ONLY))
        self._against_reference(
            "one_day_tests", "one day with tests", ours.new_day("build", *LAST_DAY_ONLY)
        )
        with ours.changed_month():
            self._against_reference("one_month", "one-month backfill", ours.month_backfill())
        self._against_reference("nothing_changed", "nothing changed", ours.nothing_changed())
        self._against_reference("late_row", "one late row", ours.late_row())

    def _run_tenth(self):
        if self._has("ours"):
            whole = self._samples.costs["ours: one day"][-1]["database_seconds"]
        else:
            self._need_marts()
            cost = self._ours.new_day("run", *LAST_DAY_ONLY)
            whole = self._note("ours: one day", cost).database_seconds
        cost = self._note("tenth: one day", self._tenth.new_day("run", *LAST_DAY_ONLY))
        self._samples.figure("growth", whole / cost.database_seconds)

    def _run_sqlmesh(self):
        ours, theirs = self._ours, self._sqlmesh
        ours.take_out_last_day()
        ours.forget_parsed()
        our_first = self._note("ours: first build with tests", ours.full_build("build"))
        their_first = self._note("SQLMesh: first build with audits", theirs.first_build())
        ours.put_back_last_day()
        our_day = self._note("ours: one more day with tests", ours.dbt("build", *LAST_DAY_ONLY))
        their_day = self._note("SQLMesh: one more day with audits", theirs.one_more_day())
        self._samples.figure("sqlmesh_first", our_first.wall_seconds / their_first.wall_seconds)
        self._samples.figure("sqlmesh_day", our_day.wall_seconds / their_day.wall_seconds)
        if self._round == 1:
            theirs.check_marts(ours.schema)
            self._conclude("The marts of SQLMesh equal those of this project.")

    def _run_microbatch(self):
        self._need_marts()
        with self._ours.changed_month():
            ours = self._note("ours: month, beside microbatch", self._ours.month_backfill())
            theirs = self._note("microbatch: month in days", self._microbatch.month())
            self._samples.figure("microbatch_month", ours.wall_seconds / theirs.wall_seconds)
            if self._round == 1:
                self._microbatch.check_marts(self._ours)
                self._conclude("The marts of microbatch equal those of this project.")

    def _run_readers(self):
        if self._place.engine != "postgres":
            return
        self._need_marts()
        ours = self._ours
        self._wait("nothing runs", None, lambda: time.sleep(IDLE_SECONDS))
        self._wait("full build", "readers_full", lambda: ours.dbt("run", "--full-refresh"))
        ours.take_out_last_day()
        ours.dbt("run", *LAST_DAY_ONLY)
        ours.put_back_last_day()
        self._wait("one day", "readers_day", lambda: ours.dbt("run", *LAST_DAY_ONLY))

    def _run_cli(self):
        build, parse = self._demo.measure()
        self._note("demo: dbt build, nothing changed", build)
        self._note("demo: dbt parse", parse)
        self._samples.figure("cli", build.wall_seconds / parse.wall_seconds)

    # --- what they share --------------------------------------------------------------------------

    def _has(self, contender):
        return contender in self._options.only

    def _generate(self, schema, sessions):
        if self._place.has_data(schema, sessions):
            self._progress.say(f"{sessions:,} sessions are there from the last time")
        else:
            self._place.generate(schema, sessions, self._progress)

    def _need_marts(self):
        if not self._ours.exists():
            self._progress.say("ours: full build, not measured here")
            self._ours.full_build()

    def _say(self, text):
        self._progress.say(f"round {self._round} of {self._options.runs}: {text}")

    def _conclude(self, text):
        self._samples.checks.append(text)
        self._progress.say(text)

    def _note(self, name, cost):
        self._samples.cost(name, cost.as_dict())
        inside = cost.database_seconds
        database = "" if inside is None else f", {inside:.2f} s of it in the database"
        self._say(f"{name}: {cost.wall_seconds:.2f} s{database}")
        return cost

    def _against_reference(self, key, name, cost):
        self._note(f"ours: {name}", cost)
        if self._reference_seconds:
            self._samples.figure(key, cost.database_seconds / self._reference_seconds)
        return cost

    def _wait(self, what, key, action):
        with readers(self._place, self._ours.schema) as longest:
            action()
        self._samples.wait(what, longest)
        if key:
            self._samples.figure(key, max(longest.values()))
        shown = ", ".join(f"{mart} {seconds:.3f} s" for mart, seconds in longest.items())
        self._say(f"longest wait of a reader, {what}: {shown}")
