-- Grain: one row per day that this run rebuilds, with the reason.
-- Nothing here reads the current time or the largest value of a table. The days are, of these the
-- first that applies:
--   interval     those of --event-time-start and --event-time-end
--   first build  all, because fct_sessions does not exist yet or is to be rebuilt in full
--   loaded       those on which rows loaded since the last finished run differ from fct_sessions
--   changed      those on which the raw tables and fct_sessions differ
-- and always those that an earlier run listed and did not finish (unfinished).
{{ config(
    materialized='incremental',
    full_refresh=false,
    pre_hook='{{ lock_mart() }}',
    meta={'rebuild_by': 'everything'},
) }}
{% set mode = rebuild_mode() %}
{% set interval = rebuild_interval() %}
-- depends_on: {{ ref('int_sessions') }}, {{ ref('stg_session_timestamp') }}
-- depends_on: {{ ref('stg_user_session_channel') }}, {{ ref('stg_session_transaction') }}
-- depends_on: {{ ref('int_channels') }}, {{ ref('rebuild_loads') }}

{{ with_periods() }}

listed as (

    {% if mode == 'interval' %}

        {{ days_of_interval('listed', interval) }}

    {% elif mode == 'first build' %}

        select distinct cast(started_at as date) as session_date
        from {{ ref('stg_session_timestamp') }}
        where is_usable

    {% else %}

        select session_date
        from ({{ days_that_differ(mode) }}) as differing_days

    {% endif %}

),

unfinished as (

    select session_date
    from {{ this if is_incremental() else 'listed' }}
    where {{ 'not is_finished' if is_incremental() else 'false' }}

),

reasons as (

    select
        session_date,
        '{{ mode }}' as reason
    from listed

    union all

    select
        session_date,
        'unfinished' as reason
    from unfinished
    where session_date not in (select listed.session_date from listed)

),

final as (

    select
        session_date,
        cast(reason as {{ dbt.type_string() }}) as reason,
        cast('{{ invocation_id }}' as {{ dbt.type_string() }}) as invocation_id,
        false as is_finished
    from reasons

)

select * from final
