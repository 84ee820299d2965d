-- Guards against: raw rows, and money, that are neither used, nor rejected, nor an exact duplicate,
-- nor of a day that no run has built; and against sessions in fct_sessions that raw does not have.
-- It reads the raw tables and fct_sessions whole. A run over an interval, or by load times, answers
-- for its days alone (reconciliation_has_no_difference) and leaves this to the next comparison.
{{ config(tags=['full_scan']) }}
with

waiting_sessions as (

    select waiting.session_id
    from (
        {{ sessions_from_raw(
            'cast(started_at as date) not in (select built.session_date from '
            ~ ref('reconciliation') ~ ' as built)'
        ) }}
    ) as waiting

),

used_sessions as (

    select
        count(*) as session_count,
        coalesce(sum(transaction_count), 0) as transaction_count,
        coalesce(sum(gross_revenue), 0) as gross_revenue,
        coalesce(sum(net_revenue), 0) as net_revenue
    from {{ ref('fct_sessions') }}

),

{% for table in ['user_session_channel', 'session_timestamp'] %}

    -- Only tables, so that PostgreSQL joins them on all cores.
    joined_{{ table }} as (

        select
            count(raw_row.is_row) as raw_rows,
            count(case when raw_row.is_row then used.session_id end) as used_rows,
            count(case when raw_row.is_row is null then used.session_id end) as sessions_without_row
        from (
            select
                true as is_row,
                case when is_usable then session_id end as session_id
            from {{ ref('stg_' ~ table) }}
        ) as raw_row
        full outer join {{ ref('fct_sessions') }} as used
            on raw_row.session_id = used.session_id

    ),

    waiting_{{ table }} as (

        select
            count(*) as waiting_rows,
            count(distinct waiting.session_id) as session_count
        from waiting_sessions as waiting
        inner join {{ ref('stg_' ~ table) }} as raw_row
            on waiting.session_id = raw_row.session_id
        where raw_row.is_usable

    ),

{% endfor %}

session_rows as (

    {% for table in ['user_session_channel', 'session_timestamp'] %}

        select
            {{ text_value(table) }} as source_table,
            joined.raw_rows,
            -- Of those used and waiting sessions that raw has, all rows but one.
            joined.used_rows - (used.session_count - joined.sessions_without_row)
            + waiting.waiting_rows - waiting.session_count as duplicate_rows,
            used.session_count + waiting.session_count as used_or_waiting_rows,
            0 as raw_gross_revenue,
            0 as raw_net_revenue,
            0 as used_or_waiting_gross_revenue,
            0 as used_or_waiting_net_revenue
        from used_sessions as used
        cross join joined_{{ table }} as joined
        cross join waiting_{{ table }} as waiting
        {{ 'union all' if not loop.last }}

    {% endfor %}

),

transactions as (

    select
        raw_row.is_refunded,
        raw_row.amount_in_raw,
        raw_row.is_usable and accepted.session_id is not null as is_waiting
    from {{ ref('stg_session_transaction') }} as raw_row
    left join waiting_sessions as accepted
        on raw_row.session_id = accepted.session_id

),

raw_transactions as (

    select
        count(*) as raw_rows,
        count(case when is_waiting then 1 end) as waiting_rows,
        coalesce(sum(amount_in_raw), 0) as raw_gross_revenue,
        coalesce(sum(case when not is_refunded then amount_in_raw end), 0) as raw_net_revenue,
        coalesce(sum(case when is_waiting then amount_in_raw end), 0) as waiting_gross_revenue,
        coalesce(sum(case when is_waiting and not is_refunded then amount_in_raw end), 0)
            as waiting_net_revenue
    from transactions

),

transaction_rows as (

    select
        {{ text_value('session_transaction') }} as source_table,
        raw_row.raw_rows,
        0 as duplicate_rows,
        used.transaction_count + raw_row.waiting_rows as used_or_waiting_rows,
        raw_row.raw_gross_revenue,
        raw_row.raw_net_revenue,
        used.gross_revenue + raw_row.waiting_gross_revenue as used_or_waiting_gross_revenue,
        used.net_revenue + raw_row.waiting_net_revenue as used_or_waiting_net_revenue
    from used_sessions as used
    cross join raw_transactions as raw_row

),

all_tables as (

    select * from session_rows
    union all
    select * from transaction_rows

),

rejected as (

    select
        source_table,
        sum(row_count) as row_count,
        coalesce(sum(amount), 0) as gross_revenue,
        coalesce(sum(case when not is_refunded then amount end), 0) as net_revenue
    from {{ ref('rejected_records') }}
    group by source_table

),

differences as (

    select
        counted.source_table,
        counted.raw_rows,
        counted.used_or_waiting_rows,
        counted.duplicate_rows,
        coalesce(rejected.row_count, 0) as rejected_rows,
        counted.raw_rows - counted.used_or_waiting_rows - counted.duplicate_rows
        - coalesce(rejected.row_count, 0) as row_difference,
        counted.raw_gross_revenue - counted.used_or_waiting_gross_revenue
        - coalesce(rejected.gross_revenue, 0) as gross_difference,
        counted.raw_net_revenue - counted.used_or_waiting_net_revenue
        - coalesce(rejected.net_revenue, 0) as net_difference
    from all_tables as counted
    left join rejected
        on counted.source_table = rejected.source_table

)

select
    *,
    'dbt build' as mend_with
from differences
where
    {{ 'true' if looks_at_everything() else 'false' }}
    and (row_difference != 0 or gross_difference != 0 or net_difference != 0)
