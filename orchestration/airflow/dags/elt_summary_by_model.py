"""### elt_summary, day by day and model by model

The same as elt_summary_daily with a task for each model and its tests, rendered from dbt's manifest
by Cosmos: a model that failed is retried alone, and each emits an asset. dbt starts once for every
task, which costs seconds each. **Unpause this one or elt_summary_daily, not both.**
"""

import json

from airflow.sdk import DAG
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import InvocationMode, LoadMode, TestBehavior, TestIndirectSelection
from elt_summary_common import (
    DAILY,
    DBT,
    ENVIRONMENT,
    INTERVAL_END,
    INTERVAL_START,
    MANIFEST,
    MARTS,
    PROFILES,
    PROJECT,
    TARGET,
    VARIABLES,
    dbt,
    load_the_day,
)

if not MANIFEST.is_file():
    raise FileNotFoundError(
        f"{MANIFEST} is not there, from which the tasks are made. In the project's folder:"
        f" {DBT} parse --target-path target/airflow --vars '{{demo_data: false}}'"
    )


def leave_full_scans_to_the_weekly_dag(group):
    """Take out the tests that read everything: what a day's run has not built they cannot judge.
    Cosmos renders a test of several models whatever is excluded.

    Args:
        group: DbtTaskGroup.
    """
    nodes = json.loads(MANIFEST.read_text(encoding="utf-8"))["nodes"]
    for unique_id in [name for name in group.tasks_map if "full_scan" in nodes[name]["tags"]]:
        task = group.tasks_map.pop(unique_id)
        for before in task.upstream_list:
            before.downstream_task_ids.remove(task.task_id)
        group.children.pop(task.task_id)
        group.dag.task_dict.pop(task.task_id)


def hold_back_until_tested(group):
    """Let a model wait for the tests that have a task of their own, because they read several
    models, as `dbt build` does: for those that read nothing but what the model hangs on.

    Args:
        group: DbtTaskGroup.
    """
    rendered = group.dbt_graph.filtered_nodes
    behind = {}

    def parents_of(unique_id):
        if unique_id not in behind:
            direct = [parent for parent in rendered[unique_id].depends_on if parent in rendered]
            behind[unique_id] = set(direct).union(*map(parents_of, direct))
        return behind[unique_id]

    models = [name for name in group.tasks_map if name.startswith("model.")]
    for test in set(group.tasks_map) - set(models):
        tested = {parent for parent in rendered[test].depends_on if parent in rendered}
        waiting = {model for model in models if tested <= parents_of(model)}
        for model in waiting:
            # The others wait for that one.
            if not waiting & parents_of(model):
                group.tasks_map[test] >> group.tasks_map[model]


with DAG(
    "elt_summary_by_model",
    doc_md=__doc__,
    **DAILY,
):
    models = DbtTaskGroup(
        group_id="models",
        project_config=ProjectConfig(
            dbt_project_path=PROJECT,
            manifest_path=MANIFEST,
            project_name="elt_summary",
            install_dbt_deps=False,
        ),
        profile_config=ProfileConfig(
            profile_name="elt_summary", target_name=TARGET, profiles_yml_filepath=PROFILES
        ),
        execution_config=ExecutionConfig(
            dbt_executable_path=DBT,
            invocation_mode=InvocationMode.SUBPROCESS,
            # Tests that read several models have a task of their own.
            test_indirect_selection=TestIndirectSelection.CAUTIOUS,
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            test_behavior=TestBehavior.BUILD,
            should_detach_multiple_parents_tests=True,
            exclude=["resource_type:seed"],
            normalize_task_id=lambda node: node.name,
            normalize_task_display_name=lambda node: node.name,
            emit_datasets=True,
        ),
        operator_args={
            "append_env": True,
            # Not as options: `dbt test` refuses them.
            "env": ENVIRONMENT
            | {
                "DBT_ENGINE_EVENT_TIME_START": INTERVAL_START,
                "DBT_ENGINE_EVENT_TIME_END": INTERVAL_END,
            },
            "vars": VARIABLES,
            "dbt_cmd_flags": ["--exclude-resource-type", "unit_test"],
        },
    )
    leave_full_scans_to_the_weekly_dag(models)
    hold_back_until_tested(models)
    for loaded in load_the_day():
        loaded >> models
    # No run of dbt rebuilt every mart, so none could say that the days are finished.
    models >> dbt("finish_days", ["run-operation", "finish_days"], outlets=[MARTS])
