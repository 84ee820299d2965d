-- Guards against: sessions or transactions lost or counted twice between raw and fct_sessions
-- (a fan-out, a filter too many). Every difference must be zero.
with

raw_sessions as (

    select count(distinct users.session_id) as session_count
    from {{ ref('stg_user_session_channel') }} as users
    inner join {{ ref('stg_session_timestamp') }} as times
        on users.session_id = times.session_id

),

raw_transactions as (

    select
        count(*) as transaction_count,
        coalesce(sum(amount), 0) as gross_revenue,
        coalesce(sum(case when is_refunded then 0 else amount end), 0) as net_revenue
    from {{ ref('stg_session_transaction') }}

),

mart as (

    select
        count(*) as session_count,
        coalesce(sum(transaction_count), 0) as transaction_count,
        coalesce(sum(gross_revenue), 0) as gross_revenue,
        coalesce(sum(net_revenue), 0) as net_revenue
    from {{ ref('fct_sessions') }}

),

differences as (

    select
        mart.session_count - raw_sessions.session_count as session_difference,
        mart.transaction_count - raw_transactions.transaction_count as transaction_difference,
        mart.gross_revenue - raw_transactions.gross_revenue as gross_difference,
        mart.net_revenue - raw_transactions.net_revenue as net_difference
    from mart
    cross join raw_sessions
    cross join raw_transactions

)

select * from differences
where
    session_difference != 0
    or transaction_difference != 0
    or gross_difference != 0
    or net_difference != 0
