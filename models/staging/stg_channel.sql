-- Grain: one row per channel that exists, in one spelling (the first in byte order where the raw
-- table spells it in several cases).
with

source as (

    select * from {{ raw_table('channel') }}

),

cleaned as (

    select
        {{ clean_channel('channelname') }} as channel,
        {{ loaded_at() }} as loaded_at
    from source
    where nullif(trim(channelname), '') is not null

),

final as (

    select
        lower(channel) as channel_key,
        min({{ binary_order('channel') }}) as channel,
        max(loaded_at) as loaded_at
    from cleaned
    group by lower(channel)

)

select * from final
