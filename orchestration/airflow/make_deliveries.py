"""Make daily deliveries of the demo data, a folder of four CSV files per day, to try Airflow with.

    python orchestration/airflow/make_deliveries.py FOLDER

The rows are those of seeds/, each on the day on which its session started; `channel.csv` is the
same every day. Made files are the same each time, so that to make them again changes nothing.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
TABLES = ("user_session_channel", "session_timestamp", "session_transaction", "channel")


def read(table):
    """Header and rows of a seed."""
    with (SEEDS / f"demo_{table}.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def main(folder):
    """Write the deliveries below the folder; returns the number of days."""
    tables = {table: read(table) for table in TABLES}
    header, times = tables["session_timestamp"]
    days = {row[header.index("sessionid")]: row[header.index("ts")][:10] for row in times}
    deliveries = defaultdict(lambda: defaultdict(list))
    for table, (header, rows) in tables.items():
        for row in rows:
            on = [days[row[header.index("sessionid")]]] if "sessionid" in header else days.values()
            for day in set(on):
                deliveries[day][table].append(row)
    for day, rows_by_table in deliveries.items():
        for table in TABLES:
            path = Path(folder) / day / f"{table}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(tables[table][0])
                writer.writerows(rows_by_table[table])
    return len(deliveries)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"{main(sys.argv[1])} days in {sys.argv[1]}")
