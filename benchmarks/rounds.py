"""The rounds: every contender in turn, so that ratios come from the same minutes."""

from benchmarks.ours import LAST_DAY_ONLY, Ours
from benchmarks.reference import build_reference, check_against_reference, time_floors

GIB = 1 << 30

CONTENDERS = ("reference", "ours", "tenth")


def run_rounds(place, options, samples, progress):
    """Generate the data and run all rounds.

    Args:
        place: Place.
        options: from the command line: sessions, runs, only.
        samples: Samples, filled.
        progress: Progress.

    Raises:
        BenchmarkError: something failed, or a contender's tables are wrong.
    """
    raw, raw_tenth = place.schema("raw"), place.schema("raw_tenth")
    sizes = {raw: options.sessions}
    if "tenth" in options.only:
        sizes[raw_tenth] = options.sessions // 10
    for schema, sessions in sizes.items():
        if place.has_data(schema, sessions):
            progress.say(f"{sessions:,} sessions are there from the last time")
        else:
            place.generate(schema, sessions, progress)

    ours = Ours(place, "analytics", raw)
    tenth = Ours(place, "analytics_tenth", raw_tenth) if "tenth" in options.only else None
    if tenth:
        tenth.full_build()

    for number in range(1, options.runs + 1):

        def note(name, cost):
            samples.cost(name, cost.as_dict())
            seconds = cost.wall_seconds if cost.database_seconds is None else cost.database_seconds
            progress.say(f"round {number} of {options.runs}: {name}: {seconds:.2f} s")
            return cost

        reference = None
        if "reference" in options.only:
            reference = measure_reference(place, raw, samples)
            progress.say(f"round {number} of {options.runs}: reference: {reference:.2f} s")
        if "ours" in options.only:
            measure_ours(ours, reference, samples, note)
        if tenth:
            measure_growth(ours, tenth, samples, note, "ours" in options.only)

    if "ours" in options.only and "reference" in options.only:
        build_reference(place, raw)
        check_against_reference(place, ours.schema)
        samples.checks.append("After the last round the marts equal the reference queries.")
        progress.say("the marts equal the reference queries after all rounds")


def measure_reference(place, raw, samples):
    """Time the reference and the floors; returns the seconds of the three queries together."""
    seconds = build_reference(place, raw)
    total = sum(seconds.values())
    for table, found in seconds.items():
        samples.cost(f"reference: {table}", {"database_seconds": found})
    samples.cost("reference: sum", {"database_seconds": total})
    for key, (name, found) in zip(
        ("floor_scan", "floor_join"), time_floors(place, raw).items(), strict=True
    ):
        samples.cost(f"floor: {name}", {"database_seconds": found})
        samples.figure(key, found / total)
    return total


def measure_ours(ours, reference, samples, note):
    """Time this project's runs, as ratios to the reference if there is one."""

    def against_reference(key, name, cost):
        note(f"ours: {name}", cost)
        if reference:
            samples.figure(key, cost.database_seconds / reference)

    built = ours.full_build()
    against_reference("full_build", "full build", built)
    samples.figure("memory", built.memory_bytes / GIB)
    if built.server_memory_bytes:
        samples.figure("server_memory", built.server_memory_bytes / GIB)
    if reference:
        check_against_reference(ours.place, ours.schema)
    against_reference("one_day", "one day", ours.new_day("run", *LAST_DAY_ONLY))
    against_reference("one_day_tests", "one day with tests", ours.new_day("build", *LAST_DAY_ONLY))
    against_reference("one_month", "one-month backfill", ours.month_backfill())
    against_reference("nothing_changed", "nothing changed", ours.nothing_changed())
    against_reference("late_row", "one late row", ours.late_row())


def measure_growth(ours, tenth, samples, note, measured):
    """Time one day at a tenth of the size, and its ratio to the same at the whole size.

    Args:
        ours, tenth: Ours at both sizes.
        samples: Samples.
        note: function that files a Cost under a name.
        measured: whether this round has measured one day at the whole size.
    """
    if measured:
        whole = samples.costs["ours: one day"][-1]["database_seconds"]
    else:
        if not ours.exists():
            ours.full_build()
        whole = note("ours: one day", ours.new_day("run", *LAST_DAY_ONLY)).database_seconds
    cost = note("tenth: one day", tenth.new_day("run", *LAST_DAY_ONLY))
    samples.figure("growth", whole / cost.database_seconds)
