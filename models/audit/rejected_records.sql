-- Grain: one row per raw row that no mart uses; identical rows of the two session tables are one.
-- A row is not used because of what it says itself (rejected_because, in staging), or because its
-- session is not in fct_sessions: half of it is missing, or its rows contradict each other.
{{ config(meta={'rebuild_by': 'record_key'}) }}
-- depends_on: {{ ref('rebuild_days') }}, {{ ref('rebuild_loads') }}, {{ ref('int_channels') }}
{% set in_scope = 'false' if nothing_is_rejected() else due_records('raw_row.session_id') %}

with

users as (

    select
        raw_row.*,
        lower(raw_row.channel) as channel_key,
        used.session_date
    from {{ ref('stg_user_session_channel') }} as raw_row
    left join {{ ref('fct_sessions') }} as used
        on raw_row.session_id = used.session_id
    where (raw_row.is_usable is not true or used.session_id is null) and {{ in_scope }}

),

times as (

    select raw_row.*
    from {{ ref('stg_session_timestamp') }} as raw_row
    left join {{ ref('fct_sessions') }} as used
        on raw_row.session_id = used.session_id
    where (raw_row.is_usable is not true or used.session_id is null) and {{ in_scope }}

),

transactions as (

    select
        raw_row.*,
        used.session_date
    from {{ ref('stg_session_transaction') }} as raw_row
    left join {{ ref('fct_sessions') }} as used
        on raw_row.session_id = used.session_id
    where (raw_row.is_usable is not true or used.session_id is null) and {{ in_scope }}

),

channels as (

    select * from {{ ref('stg_channel') }}
    where is_usable is not true and {{ 'false' if rebuild_interval() else 'true' }}

),

session_users as (

    select
        session_id,
        min(user_id) != max(user_id) or min(channel_key) != max(channel_key) as is_contradicting
    from users
    where is_usable
    group by session_id

),

session_times as (

    select
        session_id,
        min(started_at) != max(started_at) as is_contradicting,
        cast(min(started_at) as date) as session_date
    from times
    where is_usable
    group by session_id

),

rejected_users as (

    select
        {{ text_value('user_session_channel') }} as source_table,
        users.session_id as record_key,
        coalesce(users.rejected_because, case
            when theirs.is_contradicting then 'conflicting_duplicates'
            when coalesce(session_times.is_contradicting, true) then 'session_without_timestamp'
        end) as reason,
        users.record,
        coalesce(users.session_date, session_times.session_date) as session_date,
        1 as record_number,
        count(*) as row_count,
        cast(null as {{ type_raw_money() }}) as amount,
        cast(null as boolean) as is_refunded
    from users
    left join session_users as theirs
        on users.session_id = theirs.session_id
    left join session_times
        on users.session_id = session_times.session_id
    group by
        users.session_id, users.rejected_because, theirs.is_contradicting,
        session_times.is_contradicting, users.session_date, session_times.session_date,
        users.record

),

rejected_times as (

    select
        {{ text_value('session_timestamp') }} as source_table,
        times.session_id as record_key,
        coalesce(times.rejected_because, case
            when theirs.is_contradicting then 'conflicting_duplicates'
            when coalesce(session_users.is_contradicting, true) then 'timestamp_without_session'
        end) as reason,
        times.record,
        case when times.rejected_because is null then cast(times.started_at as date) end
            as session_date,
        1 as record_number,
        count(*) as row_count,
        cast(null as {{ type_raw_money() }}) as amount,
        cast(null as boolean) as is_refunded
    from times
    left join session_times as theirs
        on times.session_id = theirs.session_id
    left join session_users
        on times.session_id = session_users.session_id
    group by
        times.session_id, times.rejected_because, theirs.is_contradicting,
        session_users.is_contradicting, times.started_at, times.record

),

rejected_transactions as (

    select
        {{ text_value('session_transaction') }} as source_table,
        transactions.session_id as record_key,
        coalesce(transactions.rejected_because, case
            when
                coalesce(session_users.is_contradicting, true)
                or coalesce(session_times.is_contradicting, true)
                then 'transaction_without_session'
        end) as reason,
        transactions.record,
        coalesce(transactions.session_date, session_times.session_date) as session_date,
        row_number() over (
            partition by transactions.record order by transactions.session_id
        ) as record_number,
        1 as row_count,
        transactions.amount_in_raw as amount,
        transactions.is_refunded
    from transactions
    left join session_users
        on transactions.session_id = session_users.session_id
    left join session_times
        on transactions.session_id = session_times.session_id

),

rejected_channels as (

    select
        {{ text_value('channel') }} as source_table,
        cast(null as {{ dbt.type_string() }}) as record_key,
        rejected_because as reason,
        record,
        cast(null as date) as session_date,
        1 as record_number,
        count(*) as row_count,
        cast(null as {{ type_raw_money() }}) as amount,
        cast(null as boolean) as is_refunded
    from channels
    group by rejected_because, record

),

all_tables as (

    select * from rejected_users
    union all
    select * from rejected_times
    union all
    select * from rejected_transactions
    union all
    select * from rejected_channels

),

final as (

    select
        cast(source_table as {{ dbt.type_string() }}) as source_table,
        record_key,
        cast(reason as {{ dbt.type_string() }}) as reason,
        record,
        session_date,
        cast(record_number as {{ dbt.type_int() }}) as record_number,
        cast(row_count as {{ dbt.type_bigint() }}) as row_count,
        amount,
        is_refunded
    from all_tables
    -- A session that could be used and is not in fct_sessions is on a day that was not built yet.
    where reason is not null

)

select * from final
