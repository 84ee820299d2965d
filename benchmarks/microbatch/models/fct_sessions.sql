-- Grain: one row per session. Only session_timestamp has a time, so dbt filters it alone.
-- PostgreSQL merges a batch by key and needs one; DuckDB replaces the batch's range and wants none.
{{ config(
    materialized='incremental',
    incremental_strategy='microbatch',
    event_time='started_at',
    batch_size=var('batch_size'),
    begin='2021-01-01',
    unique_key='session_id' if target.type == 'postgres' else none,
    indexes=[
        {'columns': ['session_id'], 'unique': true},
        {'columns': ['started_at']},
        {'columns': ['user_id']},
    ] if target.type == 'postgres' else [],
) }}

with

sessions as (

    select
        sessionid as session_id,
        ts as started_at
    from {{ source('raw', 'session_timestamp') }}

),

transactions as (

    select
        sessionid as session_id,
        count(*) as transaction_count,
        sum(case when refunded is true then 1 else 0 end) as refunded_transaction_count,
        sum(amount) as gross_revenue,
        sum(case when refunded is not true then amount end) as net_revenue,
        max(case when amount >= 0 then 1 else 0 end) as has_payment
    from {{ source('raw', 'session_transaction') }}
    where sessionid in (select sessions.session_id from sessions)
    group by sessionid

)

select
    sessions.session_id,
    users.userid as user_id,
    users.channel,
    sessions.started_at,
    cast(sessions.started_at as date) as session_date,
    cast(coalesce(transactions.transaction_count, 0) as integer) as transaction_count,
    cast(coalesce(transactions.gross_revenue, 0) as numeric(18, 2)) as gross_revenue,
    cast(coalesce(transactions.net_revenue, 0) as numeric(18, 2)) as net_revenue,
    coalesce(transactions.has_payment, 0) = 1 as is_paid,
    cast(coalesce(transactions.refunded_transaction_count, 0) as integer)
        as refunded_transaction_count
from sessions
inner join {{ source('raw', 'user_session_channel') }} as users
    on sessions.session_id = users.sessionid
left join transactions
    on sessions.session_id = transactions.session_id
