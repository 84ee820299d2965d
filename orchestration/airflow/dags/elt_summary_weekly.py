"""### elt_summary, once a week: everything held against everything

`compare` lists every day on which raw and the marts differ, whatever the daily runs did, and
rebuilds it; `reconcile` accounts for every raw row; `reference` compares the marts with the
hand-written queries in `analyses/`. No interval is given, so the whole of raw is read.
"""

import json
from pathlib import Path

from airflow.sdk import DAG, CronDataIntervalTimetable, chain
from elt_summary_common import (
    AUDIT,
    BUILD,
    DBT,
    DEFAULT_ARGS,
    END_DATE,
    MARTS,
    START_DATE,
    TARGET,
    VARIABLES,
    command,
    dbt,
)

with DAG(
    "elt_summary_weekly",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 0 * * 1", timezone="UTC"),
    start_date=START_DATE,
    end_date=END_DATE,
    # What is compared is what is there now: to do it once more for a week past adds nothing.
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["elt_summary"],
):
    python = str(Path(DBT).parent / "python")
    reference = [python, "scripts/compare_with_reference.py", "--target", TARGET]
    chain(
        dbt("compare", BUILD),
        dbt("reconcile", AUDIT),
        command("reference", [*reference, "--vars", json.dumps(VARIABLES)], outlets=[MARTS]),
    )
