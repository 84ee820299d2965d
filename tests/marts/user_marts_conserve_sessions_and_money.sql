-- Guards against: a user's sessions or money lost or doubled in the user marts, and users who are
-- in one of them and not in the other. An interval run answers for the users of its days.
-- depends_on: {{ ref('rebuild_days') }}
{% set tested = tested_users('user_id') %}
with

sessions as (

    select
        count(*) as session_count,
        coalesce(sum(transaction_count), 0) as transaction_count,
        coalesce(sum(refunded_transaction_count), 0) as refunded_transaction_count,
        coalesce(sum(gross_revenue), 0) as gross_revenue,
        coalesce(sum(net_revenue), 0) as net_revenue
    from {{ ref('fct_sessions') }}
    where {{ tested }}

),

touches as (

    select coalesce(sum(session_count), 0) as session_count
    from {{ ref('user_first_last_touch') }}
    where {{ tested }}

),

revenue as (

    select
        coalesce(sum(transaction_count), 0) as transaction_count,
        coalesce(sum(refunded_transaction_count), 0) as refunded_transaction_count,
        coalesce(sum(gross_revenue), 0) as gross_revenue,
        coalesce(sum(net_revenue), 0) as net_revenue
    from {{ ref('user_revenue') }}
    where {{ tested }}

),

users_without_touches as (

    select sessions.user_id
    from {{ ref('fct_sessions') }} as sessions
    left join {{ ref('user_first_last_touch') }} as touches
        on sessions.user_id = touches.user_id
    where {{ tested_days('sessions.session_date') }} and touches.user_id is null

    union all

    select revenue.user_id
    from {{ ref('user_revenue') }} as revenue
    left join {{ ref('user_first_last_touch') }} as touches
        on revenue.user_id = touches.user_id
    where {{ tested_users('revenue.user_id') }} and touches.user_id is null

),

differences as (

    select
        touches.session_count - sessions.session_count as session_difference,
        revenue.transaction_count - sessions.transaction_count as transaction_difference,
        revenue.refunded_transaction_count - sessions.refunded_transaction_count
            as refund_difference,
        revenue.gross_revenue - sessions.gross_revenue as gross_difference,
        revenue.net_revenue - sessions.net_revenue as net_difference,
        (select count(distinct missing.user_id) from users_without_touches as missing)
            as users_without_touches
    from sessions
    cross join touches
    cross join revenue

)

select * from differences
where
    session_difference != 0
    or transaction_difference != 0
    or refund_difference != 0
    or gross_difference != 0
    or net_difference != 0
    or users_without_touches != 0
