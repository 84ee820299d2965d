-- Guards against: a month or a listed channel without a row, and rows outside the range of months.
with

sessions as (

    select
        {{ month_of('min(session_date)') }} as first_month,
        {{ month_of('max(session_date)') }} as last_month
    from {{ ref('fct_sessions') }}

),

grid as (

    select
        count(*) as row_count,
        count(distinct mart.session_month) as month_count,
        min(mart.session_month) as first_month,
        max(mart.session_month) as last_month
    from {{ ref('monthly_channel_conversion') }} as mart
    inner join {{ ref('int_channels') }} as channels
        on mart.channel = channels.channel

),

expected as (

    select
        sessions.first_month,
        sessions.last_month,
        (
            (extract(year from sessions.last_month) - extract(year from sessions.first_month)) * 12
            + extract(month from sessions.last_month)
            - extract(month from sessions.first_month)
            + 1
        ) as month_count,
        (select count(*) from {{ ref('int_channels') }}) as channel_count
    from sessions
    where sessions.first_month is not null

)

select
    grid.*,
    expected.month_count as expected_months,
    expected.channel_count as expected_channels
from grid
cross join expected
where
    grid.month_count != expected.month_count
    or grid.row_count != expected.month_count * expected.channel_count
    or grid.first_month != expected.first_month
    or grid.last_month != expected.last_month
