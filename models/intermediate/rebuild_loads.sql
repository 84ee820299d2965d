-- Grain: one row per state: how far finished runs have read the load times of the raw tables
-- (is_finished), and how far the run under way will have (not is_finished).
-- Read before rebuild_days lists days: what is loaded in between is listed again by the next run.
{{ config(
    materialized='incremental',
    full_refresh=false,
    pre_hook='{{ lock_mart() }}',
    meta={'rebuild_by': 'everything'},
) }}

with

loaded as (

    select loaded_at from {{ ref('stg_user_session_channel') }}
    union all
    select loaded_at from {{ ref('stg_session_timestamp') }}
    union all
    select loaded_at from {{ ref('stg_session_transaction') }}
    union all
    select loaded_at from {{ ref('int_channels') }}

),

states as (

    select
        {{ text_value(invocation_id) }} as invocation_id,
        max(loaded_at) as loaded_through,
        false as is_finished
    from loaded
    -- An interval run reads only its days, and without load times there is nothing to read.
    where {{ 'true' if var('loaded_at_column') and not rebuild_interval() else 'false' }}

    {% if is_incremental() %}

        union all

        select
            max(invocation_id) as invocation_id,
            max(loaded_through) as loaded_through,
            true as is_finished
        from {{ this }}
        where is_finished

    {% endif %}

),

final as (

    select
        cast(invocation_id as {{ dbt.type_string() }}) as invocation_id,
        loaded_through,
        is_finished
    from states
    where loaded_through is not null

)

select * from final
