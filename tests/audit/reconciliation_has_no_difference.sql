-- Guards against: sessions, transactions or money lost or counted twice between raw and
-- fct_sessions (a fan-out, a filter too many), on any day that was built.
select
    session_date,
    session_difference,
    transaction_difference,
    gross_difference,
    net_difference,
    'dbt build --event-time-start ' || cast(session_date as {{ dbt.type_string() }})
    || ' --event-time-end '
    || cast(
        cast({{ dbt.dateadd('day', 1, 'session_date') }} as date) as {{ dbt.type_string() }}
    ) as mend_with
from {{ ref('reconciliation') }}
where
    session_difference != 0
    or transaction_difference != 0
    or gross_difference != 0
    or net_difference != 0
order by session_date
