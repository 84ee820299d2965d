-- Grain: one row per month and channel.
-- The grid is complete: every listed channel in every month from the first session to the last,
-- with zeros where nobody came, and every unlisted channel in the months in which it was seen.
{{ config(
    meta={'rebuild_by': 'session_month'},
    partition_by=partitions_for('session_month'),
) }}
-- depends_on: {{ ref('rebuild_scope') }}

with

sessions as (

    select
        {{ month_of('session_date') }} as session_month,
        channel,
        user_id,
        is_paid,
        gross_revenue,
        net_revenue
    from {{ ref('fct_sessions') }}
    {% if is_incremental() -%}
        where {{ due_months('session_date') }}
    {%- endif %}

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
        session_month,
        channel
    from {{ ref('month_channel_grid') }}
    {% if is_incremental() -%}
        where {{ due_months('session_month') }}
    {%- endif %}

    {{ union_distinct() }}

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
