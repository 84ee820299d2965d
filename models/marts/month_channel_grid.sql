-- Grain: one row per month from the first session to the last, and listed channel.
{{ config(materialized='view') }}

with recursive

month_range as (

    select
        {{ month_of('min(session_date)') }} as first_month,
        {{ month_of('max(session_date)') }} as last_month
    from {{ ref('fct_sessions') }}

),

months as (

    select first_month as session_month
    from month_range
    where first_month is not null

    union all

    select cast({{ dbt.dateadd('month', 1, 'months.session_month') }} as date) as session_month
    from months
    inner join month_range
        on months.session_month < month_range.last_month

),

final as (

    select
        months.session_month,
        channels.channel
    from months
    cross join {{ ref('int_channels') }} as channels

)

select * from final
