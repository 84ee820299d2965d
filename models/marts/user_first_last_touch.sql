-- Grain: one row per user with a session.
-- A user's sessions are ordered by started_at, then session_id.
{{ config(meta={'rebuild_by': 'user_id'}) }}
-- depends_on: {{ ref('rebuild_scope') }}
{% set session_order = ['started_at', binary_order('session_id')] %}

with

sessions as (

    select
        user_id,
        session_id,
        channel,
        started_at
    from {{ ref('fct_sessions') }}
    {% if is_incremental() -%}
        where {{ due_users('user_id') }}
    {%- endif %}

),

final as (

    select
        user_id,
        {{ first_by('channel', session_order) }} as first_touch_channel,
        min(started_at) as first_touch_at,
        {{ last_by('channel', session_order) }} as last_touch_channel,
        max(started_at) as last_touch_at,
        cast(count(*) as {{ dbt.type_int() }}) as session_count
    from sessions
    group by user_id

)

select * from final
