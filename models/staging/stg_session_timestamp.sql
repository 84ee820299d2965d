-- Grain: one row per raw row (exact duplicates are still here).
-- One select without CTEs: so PostgreSQL finds the rows of a session by the raw table's index.
select
    cast(sessionid as {{ dbt.type_string() }}) as session_id,
    cast(ts as {{ dbt.type_timestamp() }}) as started_at,
    {{ loaded_at() }} as loaded_at,
    {{ is_filled('sessionid') }} and {{ within_valid_days('ts') }} as is_usable,
    case
        when {{ is_blank('sessionid') }} then 'null_key'
        when ts is null or not {{ is_finite('ts') }} then 'unusable_timestamp'
        when not {{ within_valid_days('ts') }} then 'value_out_of_range'
    end as rejected_because,
    {{ record_as_json(['sessionid', 'ts']) }} as record
from {{ raw_table('session_timestamp') }}
