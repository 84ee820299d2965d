-- Grain: one row per user with a session.
{{ config(materialized='table') }}

{% if target.type == 'duckdb' %}

select
    user_id,
    arg_min(channel, started_at) as first_touch_channel,
    min(started_at) as first_touch_at,
    arg_max(channel, started_at) as last_touch_channel,
    max(started_at) as last_touch_at,
    cast(count(*) as integer) as session_count
from {{ ref('fct_sessions') }}
group by user_id

{% else %}

with

users as (

    select
        user_id,
        min(started_at) as first_touch_at,
        max(started_at) as last_touch_at,
        count(*) as session_count
    from {{ ref('fct_sessions') }}
    group by user_id

)

select
    users.user_id,
    firsts.channel as first_touch_channel,
    users.first_touch_at,
    lasts.channel as last_touch_channel,
    users.last_touch_at,
    cast(users.session_count as integer) as session_count
from users
inner join {{ ref('fct_sessions') }} as firsts
    on users.user_id = firsts.user_id and users.first_touch_at = firsts.started_at
inner join {{ ref('fct_sessions') }} as lasts
    on users.user_id = lasts.user_id and users.last_touch_at = lasts.started_at

{% endif %}
