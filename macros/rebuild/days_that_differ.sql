{#- Query for the days on which the raw tables and fct_sessions differ, by row count and by the sum
    of row hashes. Mode 'changed' compares every session that may differ. Mode 'loaded' compares only
    the days, old and new, of rows loaded since the last finished run; rows loaded at that very
    instant are among them, so none slips through. -#}
{% macro days_that_differ(mode) %}
    {%- set raw_sessions = ref('int_sessions') -%}
    {%- set built_sessions = existing_fct_sessions() -%}
    {%- if mode == 'loaded' -%}
        {%- set among = 'true' -%}
        {%- set compared = 'session_date in (select session_date from loaded_days)' %}
    with loaded_days as ({{ loaded_days(raw_sessions, built_sessions) }})
    {%- else -%}
        {%- set among = sessions_that_may_differ('session_id') -%}
        {%- set compared = among -%}
    {%- endif -%}
    {%- set is_unique = raw_sessions_are_unique(may_count=among == 'true') %}
    select coalesce(raw_days.session_date, built_days.session_date) as session_date
    from ({{ sums_by_day(
        '(' ~ sessions_from_raw(is_unique=is_unique, among=among) ~ ') as sessions', compared
    ) }}) as raw_days
    full outer join ({{ sums_by_day(built_sessions, compared) }}) as built_days
        on raw_days.session_date = built_days.session_date
    where
        {{ is_distinct('raw_days.session_count', 'built_days.session_count') }}
        or {{ is_distinct('raw_days.checksum', 'built_days.checksum') }}
{% endmacro %}

{#- Query for what a day's sessions are compared by. -#}
{% macro sums_by_day(sessions, predicate) %}
    select session_date, count(*) as session_count, {{ checksum('row_hash') }} as checksum
    from {{ sessions }}
    where {{ predicate }}
    group by session_date
{% endmacro %}

{#- Query for the days, in raw and in fct_sessions, of every session with a row loaded since the
    last finished run, and of every session of a channel that was listed since. -#}
{% macro loaded_days(raw_sessions, built_sessions) %}
    {%- set since = loaded_since() -%}
    select sessions.session_date
    from {{ raw_sessions }} as sessions
    inner join ({{ since.sessions }}) as loaded on sessions.session_id = loaded.session_id

    union all

    select sessions.session_date
    from {{ built_sessions }} as sessions
    inner join ({{ since.sessions }}) as loaded on sessions.session_id = loaded.session_id

    union all

    select sessions.session_date
    from {{ built_sessions }} as sessions
    inner join ({{ since.channels }}) as loaded on lower(sessions.channel) = loaded.channel_key
{% endmacro %}
