-- Grain: one row per user with a transaction.
{{ config(materialized='table') }}

select
    user_id,
    cast(sum(gross_revenue) as numeric(18, 2)) as gross_revenue,
    cast(sum(net_revenue) as numeric(18, 2)) as net_revenue,
    cast(sum(transaction_count) as integer) as transaction_count,
    cast(sum(refunded_transaction_count) as integer) as refunded_transaction_count
from {{ ref('fct_sessions') }}
where transaction_count > 0
group by user_id
