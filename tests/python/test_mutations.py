"""Every clause that keeps the marts right is worth its place: with one taken out, a kept history
goes wrong. With all of them, test_equivalence.py replays the same histories."""

import pytest
from project_copy import copy_project, replace
from regressions import REGRESSIONS
from replay import Runner, replay
from warehouse import Warehouse

STRATEGY = "macros/engines/get_incremental_rebuild_sql.sql"
REJECTED = "macros/audit/due_records.sql"
SCOPE = "macros/rebuild/rebuild_scope.sql"
HASH = "macros/session_hash.sql"
BUCKETS = "macros/rebuild/buckets_that_differ.sql"

# what is taken out: file, the text there, the text instead, the history that goes wrong
MUTATIONS = {
    "what is due is deleted, also where nothing comes": (
        STRATEGY,
        "delete from {{ target }} where {{ due }};",
        "delete from {{ target }} where {{ due }}"
        " and exists (select 1 from {{ new }});",
        "a day is emptied",
    ),
    "users who had a session are recomputed": (
        STRATEGY,
        "{{ record_rebuild_scope(target, due) }};",
        "",
        "a user loses the last session",
    ),
    "users who have a session are recomputed": (
        STRATEGY,
        "{{ record_rebuild_scope(new) }};",
        "",
        "a user appears",
    ),
    "a session that moved in leaves its old day": (
        STRATEGY,
        "delete from {{ target }} where {{ moved }};",
        "",
        "a session moves into an interval",
    ),
    "the user whose session moved away is recomputed": (
        STRATEGY,
        "{{ record_rebuild_scope(moved_rows) }};",
        "",
        "a session moves into an interval and to another user",
    ),
    "months in which sessions changed are recomputed": (
        "macros/rebuild/to_rebuild.sql",
        "select session_month from {{ ref('rebuild_scope') }}",
        "select session_month from {{ ref('rebuild_scope') }} where false",
        "a month changes",
    ),
    "months that lack a channel are recomputed": (
        "macros/rebuild/to_rebuild.sql",
        "where mart.channel is null",
        "where false",
        "a channel is listed that nobody used",
    ),
    "months with a channel too many are recomputed": (
        "macros/rebuild/to_rebuild.sql",
        "where mart.unique_users = 0 and grid.channel is null",
        "where false",
        "a channel is listed no more",
    ),
    "empty months beyond the last session go": (
        "macros/rebuild/to_rebuild.sql",
        "where mart.unique_users = 0 and grid.channel is null",
        "where false",
        "the last month goes, and the empty months before it",
    ),
    "days are compared by content, not only by row count": (
        "macros/rebuild/days_that_differ.sql",
        "or {{ is_distinct('raw_days.checksum', 'built_days.checksum') }}",
        "",
        "only the channel changes",
    ),
    "the hash covers the channel": (
        HASH,
        "'channel': 'text',",
        "",
        "only the channel changes",
    ),
    "the hash covers the time": (
        HASH,
        ", 'started_at': 'timestamp'",
        "",
        "only the hour changes",
    ),
    "the hash covers the transactions": (
        HASH,
        "'gross_revenue': 'money',\n        'net_revenue': 'money',",
        "",
        "only the amount changes",
    ),
    "the hash of a session is the sum of those of its rows": (
        HASH,
        "~ ' + case when transaction_count > 0 then ' ~ transactions_hash() ~ ' else 0 end'",
        "",
        "only the amount changes",
    ),
    "buckets of sessions are compared by content": (
        BUCKETS,
        "having {{ checksum('row_hash') }} != 0",
        "having false",
        "only the channel changes",
    ),
    "a transaction that cannot be used makes its bucket differ": (
        BUCKETS,
        "where is_usable is not true",
        "where false",
        "a payment of no session, and nothing else",
    ),
    **{
        f"a row of {table} that cannot be used makes its bucket differ": (
            BUCKETS,
            f"{{{{ {kind}_hash() }}}} else 1 end",
            f"{{{{ {kind}_hash() }}}} end",
            f"an unusable {kind} of a session, and nothing else",
        )
        for kind, table in [("user", "user_session_channel"), ("time", "session_timestamp")]
    },
    "all sessions are compared where many buckets differ": (
        BUCKETS,
        "    {%- elif buckets | length > few -%}\n        {{ return('true') }}",
        "    {%- elif buckets | length > few -%}\n        {{ return('false') }}",
        "more than a thousand records, and a channel changes",
    ),
    "unfinished days are listed again": (
        "models/intermediate/rebuild_days.sql",
        "'not is_finished' if is_incremental() else 'false'",
        "'false'",
        "listed by a run that got no further, then another interval",
    ),
    "days are finished only when every mart was rebuilt": (
        "macros/rebuild/finish_rebuild.sql",
        "{%- if not missing -%}",
        "{%- if true -%}",
        "the marts behind were left out",
    ),
    "a run takes over what an earlier one left": (
        SCOPE,
        "where invocation_id != '{{ invocation_id }}'",
        "where false",
        "the marts behind were left out",
    ),
    "an interval is widened to whole days": (
        "macros/rebuild/rebuild_interval.sql",
        "{%- set last_day = (end - modules.datetime.timedelta(microseconds=1)).date() -%}",
        "{%- set last_day = end.date() - day -%}",
        "an interval ends within a day",
    ),
    "a full refresh of fct_sessions alone is recorded": (
        SCOPE,
        "not is_incremental()",
        "false",
        "fct_sessions alone is rebuilt in full",
    ),
    "what stands in the marts behind a dropped fct_sessions is recorded": (
        SCOPE,
        "{%- do statements.append(record_touched(mart.relation, column, column)) -%}",
        "",
        "fct_sessions is dropped, and a user goes meanwhile",
    ),
    "what comes into a dropped fct_sessions is recorded": (
        SCOPE,
        "{{ record_rebuild_scope(relation) }}",
        "",
        "fct_sessions is dropped, and a user comes meanwhile",
    ),
    "the instant at which the last run stopped is read again": (
        "macros/rebuild/loaded_since.sql",
        "loaded_at >= cast",
        "loaded_at > cast",
        "a row is loaded at the instant at which the last run stopped",
    ),
    "sessions of a channel that was listed since are compared": (
        "macros/rebuild/days_that_differ.sql",
        "inner join ({{ since.channels }}) as loaded on lower(sessions.channel)"
        " = loaded.channel_key",
        "inner join ({{ since.channels }}) as loaded on false",
        "a channel is spelled anew",
    ),
    "a session with two users is none": (
        "macros/sessions_from_raw.sql",
        "min(users.user_id) >= max(users.user_id)",
        "true",
        "a second user, in an interval",
    ),
    "what is known to be unique is the same in both tables": (
        "macros/engines/raw_sessions_are_unique.sql",
        "on users.hash_sum = times.hash_sum",
        "on true",
        "a second user, and a time of no user, in a first build",
    ),
    "what is known to be unique is counted in one of them": (
        "macros/engines/raw_sessions_are_unique.sql",
        "times, repeated) == [0]",
        "times, repeated) != []",
        "a session twice in both tables, in a first build",
    ),
    "a session with two times is none, also if one is of another day": (
        "macros/sessions_from_raw.sql",
        "{{ due or 'true' if is_unique else due_only }}",
        "{{ due or 'true' }}",
        "a second time, in an interval",
    ),
    "records are rejected unless counting proves that there are none": (
        REJECTED,
        "query) == [1]",
        "query) == [1] or true",
        "half a session",
    ),
    "an interval looks at the records of its sessions": (
        REJECTED,
        "where is_usable and {{ due_days('started_at') }}",
        "where false",
        "a second user, in an interval",
    ),
    "an interval looks at its sessions that fct_sessions does not have": (
        REJECTED,
        "        {{ due_sessions }}\n        except",
        "        {{ due_sessions }} and false\n        except",
        "a second user, in an interval",
    ),
    **{
        f"an interval looks at rows of {table} that cannot be used": (
            REJECTED,
            "session_tables + ['stg_session_transaction'] %}",
            f"session_tables + ['stg_session_transaction'] if table != '{table}' %}}",
            "an unusable row beside a used session, in an interval",
        )
        for table in ["stg_user_session_channel", "stg_session_timestamp", "stg_session_transaction"]
    },
    "an interval looks at earlier records of the sessions that it uses now": (
        REJECTED,
        " or record_key in ({{ due_sessions }})",
        "",
        "a session comes to a payment of no session, in an interval",
    ),
    "an interval looks at what was rejected on its days": (
        REJECTED,
        "select record_key from {{ this }}",
        "select record_key from (select * from {{ this }} limit 0) as nothing",
        "a rejected row is of no day any more",
    ),
    "an interval names the records that are due": (
        REJECTED,
        "{%- if not named -%}",
        "{%- if true -%}",
        "a second user, in an interval",
    ),
    "an interval names no session that would have to be quoted": (
        REJECTED,
        "[0-9A-Za-z_-]+",
        ".+",
        "a second user of a session with a quote in its name, in an interval",
    ),
    "an interval names no records when it does not know all": (
        REJECTED,
        "named | length <= 1000",
        "true",
        "more than a thousand records in an interval",
    ),
    "a run by load times looks at the records of loaded sessions": (
        REJECTED,
        "{{ loaded_since().sessions }}",
        "{{ loaded_since().sessions }} limit 0",
        "half a session is loaded",
    ),
    "a run by load times looks at records without a session": (
        REJECTED,
        "' or ' ~ column ~ ' is null)'",
        "')'",
        "a payment of no session is loaded",
    ),
    "an interval run leaves the load times alone": (
        "models/intermediate/rebuild_loads.sql",
        "var('loaded_at_column') and not rebuild_interval()",
        "var('loaded_at_column')",
        "an interval run does not count as having read the rest",
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_history_goes_wrong_without(name, tmp_path, monkeypatch):
    file, clause, instead, history = MUTATIONS[name]
    project = copy_project(tmp_path / "project")
    replace(project / file, clause, instead)
    runner = Runner(Warehouse("duckdb", tmp_path), monkeypatch, project)
    loaded, steps = REGRESSIONS[history]
    with pytest.raises(AssertionError):
        replay(runner, steps, loaded)
