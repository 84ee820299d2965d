"""### elt_summary: load files by hand

Brings the files of a folder, or below an http address, into the raw tables; files that are loaded
already and have not changed are left alone, changed ones replace their rows. Say which when you
trigger it. The daily DAG loads its own day.
"""

import shlex

from airflow.sdk import DAG, Param
from elt_summary_common import DEFAULT_ARGS, SOURCE, command, load_command

with DAG(
    "elt_summary_load",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["elt_summary"],
    params={
        "source": Param(
            SOURCE, type="string", minLength=1, description="Folder or http address; {day} or not"
        ),
        "day": Param(
            None, type=["null", "string"], format="date", description="Day of the delivery"
        ),
    },
):
    # What somebody types goes by the environment, where no shell looks at it.
    load = command(
        "load",
        load_command(),
        env={"SOURCE": "{{ params.source }}", "DAY": "{{ params.day or '' }}"},
    )
    load.bash_command = f'{shlex.join(load_command())} ${{DAY:+--day "$DAY"}} -- "$SOURCE"'
