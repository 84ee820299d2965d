-- Guards against: a day that the source lost or did not deliver. It runs before any mart is
-- touched: readers keep what they had.
{{ config(fail_calc='coalesce(max(badness), 0)', warn_if='>= 1', error_if='>= 2') }}
-- depends_on: {{ ref('rebuild_days') }}
{% set built = load_relation(rebuild_table('reconciliation')) %}
with

rebuilt as (

    select
        session_date,
        -- Beyond an interval, days may just not be built yet.
        reason in ('first build', 'changed', 'loaded') as is_neighbour_built
    from {{ ref('rebuild_days') }}

),

raw_days as (

    select distinct cast(started_at as date) as session_date
    from {{ ref('stg_session_timestamp') }}
    where is_usable and {{ rebuilt_days('started_at') }}

),

days as (

    select
        rebuilt.session_date,
        rebuilt.is_neighbour_built
    from rebuilt
    inner join raw_days
        on rebuilt.session_date = raw_days.session_date

    {% if built is not none %}

        union all

        select
            built.session_date,
            false as is_neighbour_built
        from {{ built }} as built
        left join rebuilt
            on built.session_date = rebuilt.session_date
        where built.mart_sessions > 0 and rebuilt.session_date is null

    {% endif %}

),

gaps as (

    select
        session_date as day_before,
        lead(session_date) over (order by session_date) as day_after,
        is_neighbour_built
        or lead(is_neighbour_built) over (order by session_date) as is_beside_rebuilt_day
    from days

),

-- Days that this run has looked at and that have no rows.
rebuilt_gaps as (

    select distinct gaps.day_before
    from gaps
    inner join rebuilt
        on gaps.day_before < rebuilt.session_date and gaps.day_after > rebuilt.session_date
    where {{ dbt.dateadd('day', 1, 'gaps.day_before') }} < gaps.day_after

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
left join rebuilt_gaps
    on gaps.day_before = rebuilt_gaps.day_before
where
    {{ dbt.dateadd('day', 1, 'gaps.day_before') }} < gaps.day_after
    and (gaps.is_beside_rebuilt_day or rebuilt_gaps.day_before is not null)
