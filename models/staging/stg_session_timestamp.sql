-- Grain: one row per raw row (exact duplicates are still here).
with

source as (

    select * from {{ raw_table('session_timestamp') }}

),

final as (

    select
        cast(sessionid as {{ dbt.type_string() }}) as session_id,
        cast(ts as {{ dbt.type_timestamp() }}) as started_at,
        {{ loaded_at() }} as loaded_at
    from source

)

select * from final
