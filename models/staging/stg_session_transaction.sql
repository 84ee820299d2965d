-- Grain: one row per transaction. There is no key: two identical rows are two transactions.
-- One select without CTEs: so PostgreSQL finds the rows of a session by the raw table's index.
select
    cast(sessionid as {{ dbt.type_string() }}) as session_id,
    coalesce(refunded, false) as is_refunded,
    cast(case when {{ fits_money('amount') }} then amount end as {{ type_money() }}) as amount,
    {{ loaded_at() }} as loaded_at,
    {{ is_filled('sessionid') }} and {{ fits_money('amount') }} as is_usable,
    case
        when {{ is_blank('sessionid') }} then 'null_key'
        when not {{ fits_money('amount') }} then 'value_out_of_range'
    end as rejected_because,
    {{ record_as_json(['sessionid', 'refunded', 'amount']) }} as record,
    cast(amount as {{ type_raw_money() }}) as amount_in_raw
from {{ raw_table('session_transaction') }}
