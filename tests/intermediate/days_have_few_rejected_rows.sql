-- Guards against: a source gone bad that drives good rows out of the marts. It runs before any mart
-- is touched: readers keep what they had.
{{ config(fail_calc='coalesce(max(badness), 0)', warn_if='>= 1', error_if='>= 2') }}
-- depends_on: {{ ref('rebuild_days') }}
{% set is_unique = raw_sessions_are_unique(may_count=rebuild_mode() == 'first build') %}

with

times as (

    select
        session_id,
        cast(started_at as date) as session_date
    from {{ ref('stg_session_timestamp') }}
    where {{ rebuilt_days('started_at') }}

),

sessions as (

    {{ sessions_from_raw(rebuilt_days('started_at'), is_unique) }}

),

raw_rows as (

    select
        session_date,
        count(*) as row_count
    from times
    group by session_date

),

used_rows as (

    select
        sessions.session_date,
        count(*) as row_count
    from sessions
    {% if not is_unique -%}
        -- A session may have several rows there that say the same.
        inner join times
            on
                sessions.session_id = times.session_id
                and sessions.session_date = times.session_date
    {%- endif %}
    group by sessions.session_date

),

days as (

    select
        raw_rows.session_date,
        raw_rows.row_count as raw_rows,
        raw_rows.row_count - coalesce(used_rows.row_count, 0) as rejected_rows
    from raw_rows
    left join used_rows
        on raw_rows.session_date = used_rows.session_date

)

select
    *,
    case
        when rejected_rows * 100 > raw_rows * {{ var('max_rejected_percent') }} then 2
        else 1
    end as badness
from days
where rejected_rows > 0
