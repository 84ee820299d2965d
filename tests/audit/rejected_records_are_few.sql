-- Guards against: rejected rows that nobody looks at, and too many of them: of one day of the
-- latest run, or without a day of all rows.
{{ config(fail_calc='coalesce(max(badness), 0)', warn_if='>= 1', error_if='>= 2') }}
with

rejected as (

    select
        session_date,
        sum(row_count) as rejected_rows
    from {{ ref('rejected_records') }}
    group by session_date

),

days as (

    select
        session_date,
        raw_session_rows + raw_transactions as raw_rows,
        {{ rebuilt_days('session_date') }} as is_rebuilt
    from {{ ref('reconciliation') }}

),

totals as (

    select sum(raw_rows) as raw_rows from days

),

shares as (

    select
        rejected.session_date,
        rejected.rejected_rows,
        coalesce(days.raw_rows, totals.raw_rows) as raw_rows,
        coalesce(days.is_rebuilt, rejected.session_date is null) as is_current
    from rejected
    cross join totals
    left join days
        on rejected.session_date = days.session_date

)

select
    session_date,
    rejected_rows,
    raw_rows,
    case
        when
            is_current and rejected_rows * 100 > raw_rows * {{ var('max_rejected_percent') }}
            then 2
        else 1
    end as badness
from shares
