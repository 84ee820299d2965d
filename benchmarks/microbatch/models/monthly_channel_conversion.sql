-- Grain: one row per month and channel. A batch is a month; dbt filters fct_sessions by started_at.
{{ config(
    materialized='incremental',
    incremental_strategy='microbatch',
    event_time='session_month',
    batch_size='month',
    begin='2021-01-01',
    unique_key=['session_month', 'channel'] if target.type == 'postgres' else none,
) }}

with

month_channels as (

    select
        cast(date_trunc('month', session_date) as date) as session_month,
        channel,
        count(distinct user_id) as unique_users,
        count(distinct case when is_paid then user_id end) as paid_users,
        sum(gross_revenue) as gross_revenue,
        sum(net_revenue) as net_revenue
    from {{ ref('fct_sessions') }}
    group by 1, 2

),

months as (

    select distinct session_month
    from month_channels

)

select
    months.session_month,
    listed.channelname as channel,
    cast(coalesce(seen.unique_users, 0) as integer) as unique_users,
    cast(coalesce(seen.paid_users, 0) as integer) as paid_users,
    cast(
        round(cast(seen.paid_users as numeric(18, 4)) * 100 / nullif(seen.unique_users, 0), 2)
        as numeric(5, 2)
    ) as conversion_rate,
    cast(coalesce(seen.gross_revenue, 0) as numeric(18, 2)) as gross_revenue,
    cast(coalesce(seen.net_revenue, 0) as numeric(18, 2)) as net_revenue
from months
cross join {{ source('raw', 'channel') }} as listed
left join month_channels as seen
    on
        months.session_month = seen.session_month
        and listed.channelname = seen.channel
