"""### elt_summary, day by day

`load` brings the day's files into the raw tables, `build` rebuilds the marts for the day with their
tests, `audit` holds them against raw. Each run does the days of its data interval and no others;
run again, it changes nothing. `airflow backfill create` does past days anew.
"""

from airflow.sdk import DAG, chain
from elt_summary_common import (
    AUDIT,
    BUILD,
    DAILY,
    INTERVAL,
    MARTS,
    dbt,
    load_the_day,
)

with DAG(
    "elt_summary_daily",
    doc_md=__doc__,
    **DAILY,
):
    audit = [*AUDIT, "--exclude", "tag:full_scan"]
    chain(
        *load_the_day(),
        dbt("build", [*BUILD, *INTERVAL]),
        dbt("audit", [*audit, *INTERVAL], outlets=[MARTS]),
    )
