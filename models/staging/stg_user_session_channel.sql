-- Grain: one row per raw row (exact duplicates are still here).
-- One select without CTEs: so PostgreSQL finds the rows of a session by the raw table's index.
select
    cast(case when {{ fits_int('userid') }} then userid end as {{ dbt.type_int() }}) as user_id,
    cast(sessionid as {{ dbt.type_string() }}) as session_id,
    {{ clean_channel('channel') }} as channel,
    {{ loaded_at() }} as loaded_at,
    {{ is_filled('sessionid') }} and {{ fits_int('userid') }} as is_usable,
    case
        when {{ is_blank('sessionid') }} or userid is null then 'null_key'
        when not {{ fits_int('userid') }} then 'value_out_of_range'
    end as rejected_because,
    {{ record_as_json(['userid', 'sessionid', 'channel']) }} as record
from {{ raw_table('user_session_channel') }}
