"""Compare the marts with the reference queries in analyses/, in the warehouse that dbt builds.

    python scripts/compare_with_reference.py --target duckdb [--vars '{demo_data: false}']

Takes the options of `dbt compile` (--target, --vars, --profiles-dir ...). Both directions are
compared, duplicates counted (EXCEPT ALL). Prints the rows that differ. Exit code 0: all equal;
1: a mart differs; 2: dbt could not run.
"""

import json
import sys

from dbt.cli.main import dbtRunner

# reference query -> the rows and columns of the mart that must equal it
COMPARISONS = {
    "reference_user_first_last_touch": (
        "select user_id, first_touch_channel, last_touch_channel"
        " from {{ ref('user_first_last_touch') }}"
    ),
    "reference_top_revenue_users": (
        "select user_id, gross_revenue, net_revenue from {{ ref('top_revenue_users') }}"
    ),
    "reference_monthly_channel_conversion": (
        "select session_month, channel, unique_users, paid_users, conversion_rate,"
        " gross_revenue, net_revenue from {{ ref('monthly_channel_conversion') }}"
        " where unique_users > 0"
    ),
}

DIFFERENCE = """
select 'only in the mart' as side, *
from (select * from ({mart}) as m except all select * from ({reference}) as r) as mart_only
union all
select 'only in the reference' as side, *
from (select * from ({reference}) as r except all select * from ({mart}) as m) as reference_only
"""


def run(arguments: list[str]):
    """Run one dbt command quietly and return its result; exit with code 2 if dbt could not."""
    outcome = dbtRunner().invoke(["--log-level", "none", *arguments])
    if not outcome.success:
        print(outcome.exception or f"dbt {' '.join(arguments[:3])} failed", file=sys.stderr)
        raise SystemExit(2)
    return outcome.result


def main(options: list[str]) -> int:
    compiled = run(["compile", "--select", "path:analyses", "--no-introspect", *options])
    references = {result.node.name: result.node.compiled_code for result in compiled}
    different = 0
    for name, mart in COMPARISONS.items():
        sql = DIFFERENCE.format(mart=mart, reference=references[name])
        counted = f"select count(*) as row_count from ({mart}) as m"
        shown = run(["show", "--limit", "-1", "--inline", sql, *options])
        rows = [dict(row) for row in shown.results[0].agate_table.rows]
        total = run(["show", "--inline", counted, *options]).results[0].agate_table.rows[0][0]
        if total == 0:
            rows.append({"side": "the mart is empty: nothing was compared"})
        print(f"{name}: {len(rows)} differences in {total} rows")
        for row in rows[:20]:
            print("  " + json.dumps(row, default=str))
        different += bool(rows)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
