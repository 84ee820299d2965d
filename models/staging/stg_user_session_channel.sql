-- Grain: one row per raw row (exact duplicates are still here).
with

source as (

    select * from {{ raw_table('user_session_channel') }}

),

final as (

    select
        cast(userid as {{ dbt.type_int() }}) as user_id,
        cast(sessionid as {{ dbt.type_string() }}) as session_id,
        {{ clean_channel('channel') }} as channel,
        {{ loaded_at() }} as loaded_at
    from source

)

select * from final
