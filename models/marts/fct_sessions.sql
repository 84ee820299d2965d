-- Grain: one row per session that has a user and a time.
with

sessions as (

    select * from {{ ref('int_sessions') }}

),

final as (

    select
        session_id,
        user_id,
        channel,
        started_at,
        session_date,
        transaction_count,
        gross_revenue,
        net_revenue,
        is_paid,
        refunded_transaction_count,
        is_listed_channel
    from sessions

)

select * from final
