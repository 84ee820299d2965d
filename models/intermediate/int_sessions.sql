-- Grain: one row per session, as the raw tables have it now.
-- A session needs both a user (user_session_channel) and a time (session_timestamp).
with

channels as (

    select * from {{ ref('stg_channel') }}

),

-- Exact duplicates of a raw row become one row here, after the join and not in staging: so a filter
-- on started_at still reaches the raw tables' indexes.
sessions as (

    select distinct
        users.session_id,
        users.user_id,
        coalesce(channels.channel, users.channel) as channel,
        channels.channel is not null as is_listed_channel,
        times.started_at
    from {{ ref('stg_session_timestamp') }} as times
    inner join {{ ref('stg_user_session_channel') }} as users
        on times.session_id = users.session_id
    left join channels
        on lower(users.channel) = channels.channel_key

),

-- Summed to one row per session before any join, so that nothing fans out.
session_transactions as (

    select
        session_id,
        count(*) as transaction_count,
        sum(case when is_refunded then 1 else 0 end) as refunded_transaction_count,
        sum(amount) as gross_revenue,
        sum(case when not is_refunded then amount end) as net_revenue,
        max(case when amount >= 0 then 1 else 0 end) as has_payment
    from {{ ref('stg_session_transaction') }}
    group by session_id

),

summed as (

    select
        sessions.session_id,
        sessions.user_id,
        sessions.channel,
        sessions.started_at,
        cast(sessions.started_at as date) as session_date,
        cast(coalesce(totals.transaction_count, 0) as {{ dbt.type_int() }}) as transaction_count,
        cast(coalesce(totals.gross_revenue, 0) as {{ type_money() }}) as gross_revenue,
        cast(coalesce(totals.net_revenue, 0) as {{ type_money() }}) as net_revenue,
        coalesce(totals.has_payment, 0) = 1 as is_paid,
        cast(coalesce(totals.refunded_transaction_count, 0) as {{ dbt.type_int() }})
            as refunded_transaction_count,
        sessions.is_listed_channel
    from sessions
    left join session_transactions as totals
        on sessions.session_id = totals.session_id

),

final as (

    select
        *,
        {{ row_hash([
            'session_id', 'user_id', 'channel', 'started_at', 'transaction_count', 'gross_revenue',
            'net_revenue', 'is_paid', 'refunded_transaction_count', 'is_listed_channel',
        ]) }} as row_hash
    from summed

)

select * from final
