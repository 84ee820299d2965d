-- Grain: one row per transaction. There is no key: two identical rows are two transactions.
with

source as (

    select * from {{ raw_table('session_transaction') }}

),

final as (

    select
        cast(sessionid as {{ dbt.type_string() }}) as session_id,
        coalesce(refunded, false) as is_refunded,
        cast(amount as {{ type_money() }}) as amount,
        {{ loaded_at() }} as loaded_at
    from source

)

select * from final
