"""Results: a table of figures beside their bars, as text, Markdown, JSON and a chart."""

import json
import statistics

from benchmarks.bars import ROWS

SIGNS = {True: "passed", False: "missed", None: ""}


class Samples:
    """What was measured, round by round.

    Attributes:
        figures: list of figures by key of a row in bars.ROWS; one figure per round.
        costs: list of costs, as dicts, by name of what was run; one per round.
        waits: list of longest waits of a reader, seconds by mart, by what ran; one per round.
        checks: what was found to be right or wrong, as texts.
        found: what was found otherwise, by name.
    """

    def __init__(self):
        self.figures = {}
        self.costs = {}
        self.waits = {}
        self.checks = []
        self.found = {}

    def figure(self, key, value):
        """Add one round's figure of a row."""
        self.figures.setdefault(key, []).append(value)

    def cost(self, name, cost):
        """Add one round's cost.

        Args:
            name: of what was run.
            cost: dict of figures.
        """
        self.costs.setdefault(name, []).append(cost)

    def wait(self, what, longest):
        """Add one round's longest waits.

        Args:
            what: what ran.
            longest: seconds by mart.
        """
        self.waits.setdefault(what, []).append(longest)


def spread(values):
    """Median, smallest and largest of the values."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def table_rows(samples, engine, sessions):
    """The rows of the table that were measured.

    Args:
        samples: Samples.
        engine: "duckdb" or "postgres".
        sessions: how many sessions it was.

    Returns:
        list of dicts: key, label, unit, runs, median, min, max, bar, and passed: true, false, or
        null where there is no bar or it holds for another size.
    """
    rows = []
    for row in ROWS:
        values = samples.figures.get(row.key)
        if not values:
            continue
        bar = row.bars.get(engine)
        found = {"key": row.key, "label": row.label, "unit": row.unit, "runs": values}
        found |= spread(values) | {"bar": bar, "bar_sessions": row.bar_sessions}
        holds = bar is not None and row.bar_sessions in (None, sessions)
        found["passed"] = found["median"] <= bar if holds else None
        rows.append(found)
    return rows


def spreads(lists):
    """Spread of each figure, by what was run and the figure's name.

    Args:
        lists: dicts of figures by name, one per round, by what was run.
    """
    rows = {}
    for name, costs in lists.items():
        figures = dict.fromkeys(figure for cost in costs for figure in cost)
        rows[name] = {
            figure: spread([cost[figure] for cost in costs if figure in cost])
            for figure in figures
        }
    return rows


def number(value):
    """A figure with three digits that say something."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def layout(header, rows):
    """Lines of a Markdown table that is also readable as text."""
    table = [header, *rows]
    # The rule has at least a dash and a colon.
    widths = [max(2, *(len(row[place]) for row in table)) for place in range(len(header))]
    lines = []
    for row in table:
        cells = [
            text.ljust(width) if place == 0 else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("| " + " | ".join(cells) + " |")
    rule = [
        "-" * width if place == 0 else "-" * (width - 1) + ":" for place, width in enumerate(widths)
    ]
    lines.insert(1, "| " + " | ".join(rule) + " |")
    return lines


def ratio_lines(result):
    """The table of figures beside the bars, as lines of Markdown."""
    rows = []
    for row in result["rows"]:
        unit = "" if row["unit"] == "×" else f" {row['unit']}"
        bar = "" if row["bar"] is None else f"≤ {number(row['bar'])}{unit}"
        verdict = SIGNS[row["passed"]]
        if row["bar"] is not None and row["passed"] is None:
            verdict = f"(bar is for {row['bar_sessions'] // 1_000_000} M)"
        rows.append([
            row["label"],
            number(row["median"]) + unit,
            f"{number(row['min'])} – {number(row['max'])}",
            bar,
            verdict,
        ])
    return layout(["", "median", "min – max", "bar", ""], rows)


COST_COLUMNS = {
    "database_seconds": "in the database, s",
    "marts_seconds": "of it marts, s",
    "node_seconds": "sum over nodes, s",
    "wall_seconds": "process, s",
    "memory_bytes": "memory, GiB",
    "server_memory_bytes": "server memory, GiB",
}


def cost_lines(result):
    """The medians of what each run cost, as lines of Markdown."""
    used = [
        column
        for column in COST_COLUMNS
        if any(column in figures for figures in result["costs"].values())
    ]
    rows = []
    for name, figures in result["costs"].items():
        cells = []
        for column in used:
            value = figures[column]["median"] if column in figures else None
            if value is not None and column.endswith("bytes"):
                value /= 1 << 30
            cells.append(number(value))
        rows.append([name, *cells])
    return layout(["medians", *(COST_COLUMNS[column] for column in used)], rows)


def wait_lines(result):
    """How long readers waited, as lines of Markdown."""
    waits = result["waits"]
    marts = next(iter(waits.values()))
    rows = [
        [mart, *(f"{number(found[mart]['median'])} ({number(found[mart]['max'])})"
                 for found in waits.values())]
        for mart in marts
    ]  # fmt: skip
    return layout(["longest wait of a reader, s: median (largest)", *waits], rows)


def facts_lines(result):
    """Where and with what it was measured, as lines of Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    machine = result["machine"]
    lines = [
        f"- {result['sessions']:,} sessions, {result['transactions']:,} transactions,"
        f" {result['users']:,} users, 36 months; rounds: {result['rounds']}",
        f"- {result['engine_version']}, {versions}",
        f"- {machine['cores']} cores, {machine['memory_gib']:.0f} GiB of memory",
    ]
    settings = ", ".join(f"`{name} = {value}`" for name, value in result["settings"].items())
    lines.append(f"- settings, {result['settings_from']}: {settings}")
    return lines


def text_lines(result):
    """Everything for a terminal."""
    return [
        *ratio_lines(result),
        "",
        *(cost_lines(result) + [""] if result["costs"] else []),
        *(wait_lines(result) + [""] if result["waits"] else []),
        *result["checks"],
        "",
        *facts_lines(result),
    ]


def markdown(result, chart):
    """Everything as a Markdown page.

    Args:
        result: dict, as written to the JSON file.
        chart: name of the chart's file, or None.
    """
    engine = {"duckdb": "DuckDB", "postgres": "PostgreSQL"}[result["engine"]]
    lines = [f"# {engine}, {result['sessions']:,} sessions", ""]
    lines += [*ratio_lines(result), ""]
    if chart:
        lines += [f"![figures and bars]({chart})", ""]
    if result["costs"]:
        lines += ["What each run cost:", "", *cost_lines(result), ""]
    if result["waits"]:
        lines += [*wait_lines(result), ""]
    if result["checks"]:
        lines += [*(f"- {check}" for check in result["checks"]), ""]
    lines += [*facts_lines(result), ""]
    return "\n".join(lines)


def write(result, folder):
    """Write the results as JSON, Markdown and chart.

    Args:
        result: dict.
        folder: pathlib.Path; made if it does not exist.

    Returns:
        Paths of the files; no chart where no ratio was measured.
    """
    from benchmarks.chart import draw_chart

    folder.mkdir(parents=True, exist_ok=True)
    name = f"{result['engine']}-{result['sessions']}"
    if result["settings_from"] == "PostgreSQL's defaults":
        name += "-default-settings"
    page, data, chart = (folder / f"{name}.{ending}" for ending in ("md", "json", "svg"))
    has_ratios = any(row["unit"] == "×" for row in result["rows"])
    if has_ratios:
        draw_chart(result, chart)
    page.write_text(markdown(result, chart.name if has_ratios else None), encoding="utf-8")
    data.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [page, data, *([chart] if has_ratios else [])]
