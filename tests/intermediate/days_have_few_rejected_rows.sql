-- Guards against: a source gone bad that drives good rows out of the marts. It runs before any mart
-- is touched: readers keep what they had.
{{ config(fail_calc='coalesce(max(badness), 0)', warn_if='>= 1', error_if='>= 2') }}
-- depends_on: {{ ref('rebuild_days') }}
with

times as (

    select
        session_id,
        cast(started_at as date) as session_date
    from {{ ref('stg_session_timestamp') }}
    where {{ rebuilt_days('started_at') }}

),

sessions as (

    {{ sessions_from_raw(rebuilt_days('started_at')) }}

),

days as (

    select
        times.session_date,
        count(*) as raw_rows,
        sum(case when sessions.session_id is null then 1 else 0 end) as rejected_rows
    from times
    left join sessions
        on
            times.session_id = sessions.session_id
            and times.session_date = sessions.session_date
    group by times.session_date

)

select
    *,
    case
        when rejected_rows * 100 > raw_rows * {{ var('max_rejected_percent') }} then 2
        else 1
    end as badness
from days
where rejected_rows > 0
