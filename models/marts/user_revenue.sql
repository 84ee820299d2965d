-- Grain: one row per user with a transaction.
{{ config(meta={'rebuild_by': 'user_id'}) }}
-- depends_on: {{ ref('rebuild_scope') }}

with

paying_sessions as (

    select * from {{ ref('fct_sessions') }}
    where
        transaction_count > 0
        and {{ due_users('user_id') if is_incremental() else 'true' }}

),

final as (

    select
        user_id,
        cast(sum(gross_revenue) as {{ type_money() }}) as gross_revenue,
        cast(sum(net_revenue) as {{ type_money() }}) as net_revenue,
        cast(sum(transaction_count) as {{ dbt.type_int() }}) as transaction_count,
        cast(sum(refunded_transaction_count) as {{ dbt.type_int() }})
            as refunded_transaction_count
    from paying_sessions
    group by user_id

)

select * from final
