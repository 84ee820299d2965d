-- Grain: one row per month from the first session to the last, and listed channel.
{{ config(materialized='view') }}

{{ with_periods() }}

month_range as (

    select
        {{ month_of('min(session_date)') }} as first_month,
        {{ month_of('max(session_date)') }} as last_month
    from {{ ref('fct_sessions') }}

),

months as (

    {{ months_of_range('months', 'month_range') }}

),

final as (

    select
        months.session_month,
        channels.channel
    from months
    cross join {{ ref('int_channels') }} as channels

)

select * from final
