-- Grain: one row per raw row (the same channel in several spellings is still here).
select
    lower({{ clean_channel('channelname') }}) as channel_key,
    {{ clean_channel('channelname') }} as channel,
    {{ loaded_at() }} as loaded_at,
    {{ is_filled('channelname') }} as is_usable,
    case when {{ is_blank('channelname') }} then 'null_key' end as rejected_because,
    {{ record_as_json(['channelname']) }} as record
from {{ raw_table('channel') }}
