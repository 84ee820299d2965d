-- Guards against: revenue lost or doubled between fct_sessions and the months, or a rate that is
-- possible for no count of users. An interval run answers for the months of its days.
-- depends_on: {{ ref('rebuild_days') }}
with

sessions as (

    select
        coalesce(sum(gross_revenue), 0) as gross_revenue,
        coalesce(sum(net_revenue), 0) as net_revenue
    from {{ ref('fct_sessions') }}
    where {{ tested_months('session_date') }}

),

months as (

    select
        coalesce(sum(gross_revenue), 0) as gross_revenue,
        coalesce(sum(net_revenue), 0) as net_revenue
    from {{ ref('monthly_channel_conversion') }}
    where {{ tested_months('session_month') }}

)

select 'revenue differs from fct_sessions' as failure
from sessions
cross join months
where
    sessions.gross_revenue != months.gross_revenue
    or sessions.net_revenue != months.net_revenue

union all

select 'impossible users or rate' as failure
from {{ ref('monthly_channel_conversion') }}
where
    paid_users < 0
    or paid_users > unique_users
    or (unique_users = 0) != (conversion_rate is null)
    or conversion_rate not between 0 and 100
