-- Grain: one row per month and channel.
-- The grid is complete: every listed channel in every month from the first session to the last,
-- with zeros where nobody came, and every unlisted channel in the months in which it was seen.
with recursive

sessions as (

    select
        {{ month_of('session_date') }} as session_month,
        channel,
        user_id,
        is_paid,
        gross_revenue,
        net_revenue
    from {{ ref('fct_sessions') }}

),

month_range as (

    select
        min(session_date) as first_date,
        max(session_date) as last_date
    from {{ ref('fct_sessions') }}

),

months as (

    select {{ month_of('first_date') }} as session_month
    from month_range
    where first_date is not null

    union all

    select cast({{ dbt.dateadd('month', 1, 'months.session_month') }} as date) as session_month
    from months
    cross join month_range
    where months.session_month < {{ month_of('month_range.last_date') }}

),

month_channels as (

    select
        session_month,
        channel,
        count(distinct user_id) as unique_users,
        count(distinct case when is_paid then user_id end) as paid_users,
        sum(gross_revenue) as gross_revenue,
        sum(net_revenue) as net_revenue
    from sessions
    group by session_month, channel

),

grid as (

    select
        months.session_month,
        channels.channel
    from months
    cross join {{ ref('stg_channel') }} as channels

    union distinct

    select
        session_month,
        channel
    from month_channels

),

final as (

    select
        grid.session_month,
        grid.channel,
        cast(coalesce(seen.unique_users, 0) as {{ dbt.type_int() }}) as unique_users,
        cast(coalesce(seen.paid_users, 0) as {{ dbt.type_int() }}) as paid_users,
        {{ percentage('seen.paid_users', 'seen.unique_users') }} as conversion_rate,
        cast(coalesce(seen.gross_revenue, 0) as {{ type_money() }}) as gross_revenue,
        cast(coalesce(seen.net_revenue, 0) as {{ type_money() }}) as net_revenue
    from grid
    left join month_channels as seen
        on
            grid.session_month = seen.session_month
            and grid.channel = seen.channel

)

select * from final
