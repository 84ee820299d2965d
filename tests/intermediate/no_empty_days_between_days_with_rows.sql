-- Guards against: a day that the source lost or did not deliver. It runs before any mart is
-- touched: readers keep what they had.
{{ config(fail_calc='coalesce(max(badness), 0)', warn_if='>= 1', error_if='>= 2') }}
-- depends_on: {{ ref('rebuild_days') }}
{% set built = load_relation(rebuild_table('reconciliation')) %}
with

days as (

    select distinct
        cast(started_at as date) as session_date,
        true as is_rebuilt
    from {{ ref('stg_session_timestamp') }}
    where rejected_because is null and {{ rebuilt_days('started_at') }}

    {% if built is not none %}

        union distinct

        select
            session_date,
            false as is_rebuilt
        from {{ built }}
        where mart_sessions > 0 and not {{ rebuilt_days('session_date') }}

    {% endif %}

),

gaps as (

    select
        session_date as day_before,
        lead(session_date) over (order by session_date) as day_after,
        is_rebuilt or lead(is_rebuilt) over (order by session_date) as is_beside_rebuilt_day
    from days

),

rebuilt as (

    select session_date from {{ ref('rebuild_days') }}
    where {{ rebuilt_days('session_date') }}

)

select
    gaps.day_before,
    gaps.day_after,
    case
        when
            {{ dbt.dateadd('day', var('max_empty_days') | int + 1, 'gaps.day_before') }}
            < gaps.day_after
            then 2
        else 1
    end as badness
from gaps
where
    {{ dbt.dateadd('day', 1, 'gaps.day_before') }} < gaps.day_after
    and (
        -- In an interval, the days beyond it may just not be built yet.
        {{ 'false' if rebuild_interval() else 'gaps.is_beside_rebuilt_day' }}
        or exists (
            select 1
            from rebuilt
            where
                rebuilt.session_date > gaps.day_before
                and rebuilt.session_date < gaps.day_after
        )
    )
