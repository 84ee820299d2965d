-- Grain: one row per user with a session.
-- A user's sessions are ordered by started_at, then session_id.
{{ config(meta={'rebuild_by': 'user_id'}) }}
-- depends_on: {{ ref('rebuild_scope') }}

with

sessions as (

    select
        user_id,
        {{ binary_order('session_id') }} as session_id,
        channel,
        started_at
    from {{ ref('fct_sessions') }}
    {% if is_incremental() -%}
        where {{ due_users('user_id') }}
    {%- endif %}

),

-- Grouping to the first and last instant and joining back is cheaper than window functions over
-- every session.
users as (

    select
        user_id,
        min(started_at) as first_touch_at,
        max(started_at) as last_touch_at,
        count(*) as session_count
    from sessions
    group by user_id

),

first_touches as (

    select
        sessions.user_id,
        sessions.channel,
        row_number() over (
            partition by sessions.user_id order by sessions.session_id
        ) as tie_rank
    from sessions
    inner join users
        on
            sessions.user_id = users.user_id
            and sessions.started_at = users.first_touch_at

),

last_touches as (

    select
        sessions.user_id,
        sessions.channel,
        row_number() over (
            partition by sessions.user_id order by sessions.session_id desc
        ) as tie_rank
    from sessions
    inner join users
        on
            sessions.user_id = users.user_id
            and sessions.started_at = users.last_touch_at

),

final as (

    select
        users.user_id,
        first_touches.channel as first_touch_channel,
        users.first_touch_at,
        last_touches.channel as last_touch_channel,
        users.last_touch_at,
        cast(users.session_count as {{ dbt.type_int() }}) as session_count
    from users
    inner join first_touches
        on users.user_id = first_touches.user_id and first_touches.tie_rank = 1
    inner join last_touches
        on users.user_id = last_touches.user_id and last_touches.tie_rank = 1

)

select * from final
