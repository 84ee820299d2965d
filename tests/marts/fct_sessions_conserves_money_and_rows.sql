-- Guards against: sessions or transactions lost or counted twice between raw and fct_sessions
-- (a fan-out, a filter too many), on the days of the latest run.
with

raw_sessions as (

    select distinct
        users.session_id,
        cast(times.started_at as date) as session_date
    from {{ ref('stg_session_timestamp') }} as times
    inner join {{ ref('stg_user_session_channel') }} as users
        on times.session_id = users.session_id
    where {{ rebuilt_days('times.started_at') }}

),

raw_transactions as (

    select
        sessions.session_date,
        count(*) as transaction_count,
        coalesce(sum(paid.amount), 0) as gross_revenue,
        coalesce(sum(case when paid.is_refunded then 0 else paid.amount end), 0)
            as net_revenue
    from {{ ref('stg_session_transaction') }} as paid
    inner join raw_sessions as sessions
        on paid.session_id = sessions.session_id
    group by sessions.session_date

),

raw_days as (

    select
        counts.session_date,
        counts.session_count,
        coalesce(sums.transaction_count, 0) as transaction_count,
        coalesce(sums.gross_revenue, 0) as gross_revenue,
        coalesce(sums.net_revenue, 0) as net_revenue
    from (
        select
            session_date,
            count(*) as session_count
        from raw_sessions
        group by session_date
    ) as counts
    left join raw_transactions as sums
        on counts.session_date = sums.session_date

),

mart_days as (

    select
        session_date,
        count(*) as session_count,
        sum(transaction_count) as transaction_count,
        sum(gross_revenue) as gross_revenue,
        sum(net_revenue) as net_revenue
    from {{ ref('fct_sessions') }}
    where {{ rebuilt_days('session_date') }}
    group by session_date

)

select
    coalesce(raw_days.session_date, mart_days.session_date) as session_date,
    raw_days.session_count as raw_sessions,
    mart_days.session_count as mart_sessions,
    raw_days.transaction_count as raw_transactions,
    mart_days.transaction_count as mart_transactions,
    raw_days.gross_revenue as raw_gross_revenue,
    mart_days.gross_revenue as mart_gross_revenue,
    raw_days.net_revenue as raw_net_revenue,
    mart_days.net_revenue as mart_net_revenue
from raw_days
full outer join mart_days
    on raw_days.session_date = mart_days.session_date
where
    raw_days.session_count is distinct from mart_days.session_count
    or raw_days.transaction_count is distinct from mart_days.transaction_count
    or raw_days.gross_revenue is distinct from mart_days.gross_revenue
    or raw_days.net_revenue is distinct from mart_days.net_revenue
