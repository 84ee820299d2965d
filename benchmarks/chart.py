"""The chart: each ratio with its spread, and the bar that it is held against."""

import matplotlib

matplotlib.use("svg")
# The same figures give the same file, and text stays text.
matplotlib.rcParams["svg.hashsalt"] = "elt_summary"
matplotlib.rcParams["svg.fonttype"] = "none"

from matplotlib import pyplot  # noqa: E402

PASSED, MISSED, NEUTRAL = "#2f6f4f", "#a83232", "#8a8d91"


def draw_chart(result, path):
    """Draw the ratios of a result.

    Args:
        result: dict, as report.write takes it.
        path: of the file; its ending says of which kind.
    """
    rows = [row for row in result["rows"] if row["unit"] == "×"][::-1]
    figure, axes = pyplot.subplots(figsize=(10, 1.4 + 0.42 * len(rows)), layout="constrained")
    colours = {True: PASSED, False: MISSED, None: NEUTRAL}
    for place, row in enumerate(rows):
        below, above = row["median"] - row["min"], row["max"] - row["median"]
        axes.barh(
            place,
            row["median"],
            color=colours[row["passed"]],
            height=0.6,
            xerr=[[below], [above]],
            error_kw={"ecolor": "#333333", "capsize": 3, "elinewidth": 1},
        )
        if row["bar"] is not None:
            axes.plot([row["bar"]] * 2, [place - 0.42, place + 0.42], color="black", linewidth=2)
        # Beside the axes, where no bar crosses it.
        axes.text(
            1.01,
            place,
            f"{row['median']:.3g}",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(rows)), [row["label"] for row in rows], fontsize=9)
    axes.set_xscale("log")
    axes.margins(x=0.12)
    figure.supxlabel(
        "ratio, logarithmic; whisker: smallest and largest round; black line: the bar;"
        " green: passed, red: missed, grey: no bar at this size",
        fontsize=8,
    )
    axes.set_title(
        f"{result['engine_version']}, {result['sessions']:,} sessions, "
        + ("1 round" if result["rounds"] == 1 else f"{result['rounds']} rounds"),
        fontsize=11,
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
