-- Grain: one row per user with a session.
{{ config(materialized='table') }}

{% set first, last = (
    'arg_min(channel, started_at)', 'arg_max(channel, started_at)',
) if target.type == 'duckdb' else (
    '(array_agg(channel order by started_at))[1]',
    '(array_agg(channel order by started_at desc))[1]',
) %}

select
    user_id,
    {{ first }} as first_touch_channel,
    min(started_at) as first_touch_at,
    {{ last }} as last_touch_channel,
    max(started_at) as last_touch_at,
    cast(count(*) as integer) as session_count
from {{ ref('fct_sessions') }}
group by user_id
