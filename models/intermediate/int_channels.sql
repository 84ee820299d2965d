-- Grain: one row per channel that exists, in one spelling (the first in byte order where the raw
-- table spells it in several cases).
with

final as (

    select
        channel_key,
        min({{ binary_order('channel') }}) as channel,
        max(loaded_at) as loaded_at
    from {{ ref('stg_channel') }}
    where is_usable
    group by channel_key

)

select * from final
