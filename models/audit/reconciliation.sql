-- Grain: one row per day that was built.
-- What raw has on that day beside what the mart has of it and what was rejected. The raw side is
-- counted anew and shares nothing with fct_sessions but staging. A difference that is not zero:
-- something was lost or counted twice.
{{ config(meta={'rebuild_by': 'session_date'}) }}
-- depends_on: {{ ref('stg_user_session_channel') }}
{% set some_days = is_incremental() or rebuild_interval() %}
{% set due = due_days('session_date') if some_days else 'true' %}
{% set due_times = 'is_usable and ' ~ (due_days('started_at') if some_days else 'true') %}

with

raw_rows as (

    select
        cast(started_at as date) as session_date,
        count(*) as row_count
    from {{ ref('stg_session_timestamp') }}
    where {{ due_times }}
    group by cast(started_at as date)

),

repeated_rows as (

    select
        cast(started_at as date) as session_date,
        count(*) - 1 as duplicate_count
    from {{ ref('stg_session_timestamp') }}
    where {{ 'false' if nothing_is_rejected() else due_times }}
    group by session_id, started_at
    having count(*) > 1

),

duplicates as (

    select
        session_date,
        sum(duplicate_count) as row_count
    from repeated_rows
    group by session_date

),

-- The day of a transaction is that of its session, the first one if the session has several.
paid_sessions as (

    select
        session_id,
        min(cast(started_at as date)) as session_date
    from {{ ref('stg_session_timestamp') }}
    where
        is_usable
        and session_id in (
            select paid.session_id
            from {{ ref('stg_session_transaction') }} as paid
            {% if some_days -%}
                where paid.session_id in (
                    select times.session_id
                    from {{ ref('stg_session_timestamp') }} as times
                    where {{ due_times }}
                )
            {%- endif %}
        )
    group by session_id

),

raw_transactions as (

    select
        sessions.session_date,
        count(*) as row_count,
        coalesce(sum(paid.amount_in_raw), 0) as gross_revenue,
        coalesce(sum(case when not paid.is_refunded then paid.amount_in_raw end), 0)
            as net_revenue
    from {{ ref('stg_session_transaction') }} as paid
    inner join paid_sessions as sessions
        on paid.session_id = sessions.session_id
    where {{ due_days('sessions.session_date') if some_days else 'true' }}
    group by sessions.session_date

),

rejected as (

    select
        session_date,
        sum(case when source_table = 'session_timestamp' then 1 else 0 end) as session_count,
        sum(case when source_table = 'session_transaction' then 1 else 0 end)
            as transaction_count,
        coalesce(sum(amount), 0) as gross_revenue,
        coalesce(sum(case when not is_refunded then amount end), 0) as net_revenue
    from {{ ref('rejected_records') }}
    where {{ due }}
    group by session_date

),

mart as (

    select
        session_date,
        count(*) as session_count,
        sum(transaction_count) as transaction_count,
        sum(gross_revenue) as gross_revenue,
        sum(net_revenue) as net_revenue
    from {{ ref('fct_sessions') }}
    where {{ due }}
    group by session_date

),

days as (

    select session_date from {{ ref('rebuild_days') }}
    where {{ due }}
    {{ union_distinct() }}
    select session_date from raw_rows
    {{ union_distinct() }}
    select session_date from mart
    {{ union_distinct() }}
    select session_date from rejected
    where session_date is not null

),

counted as (

    select
        days.session_date,
        coalesce(raw_rows.row_count, 0) as raw_session_rows,
        coalesce(duplicates.row_count, 0) as duplicate_session_rows,
        coalesce(rejected.session_count, 0) as rejected_session_rows,
        coalesce(mart.session_count, 0) as mart_sessions,
        coalesce(raw_transactions.row_count, 0) as raw_transactions,
        coalesce(rejected.transaction_count, 0) as rejected_transactions,
        coalesce(mart.transaction_count, 0) as mart_transactions,
        coalesce(raw_transactions.gross_revenue, 0) as raw_gross_revenue,
        coalesce(rejected.gross_revenue, 0) as rejected_gross_revenue,
        coalesce(mart.gross_revenue, 0) as mart_gross_revenue,
        coalesce(raw_transactions.net_revenue, 0) as raw_net_revenue,
        coalesce(rejected.net_revenue, 0) as rejected_net_revenue,
        coalesce(mart.net_revenue, 0) as mart_net_revenue
    from days
    left join raw_rows on days.session_date = raw_rows.session_date
    left join duplicates on days.session_date = duplicates.session_date
    left join raw_transactions on days.session_date = raw_transactions.session_date
    left join rejected on days.session_date = rejected.session_date
    left join mart on days.session_date = mart.session_date

),

final as (

    select
        session_date,
        cast(raw_session_rows as {{ dbt.type_bigint() }}) as raw_session_rows,
        cast(duplicate_session_rows as {{ dbt.type_bigint() }}) as duplicate_session_rows,
        cast(rejected_session_rows as {{ dbt.type_bigint() }}) as rejected_session_rows,
        cast(mart_sessions as {{ dbt.type_bigint() }}) as mart_sessions,
        cast(raw_transactions as {{ dbt.type_bigint() }}) as raw_transactions,
        cast(rejected_transactions as {{ dbt.type_bigint() }}) as rejected_transactions,
        cast(mart_transactions as {{ dbt.type_bigint() }}) as mart_transactions,
        cast(raw_gross_revenue as {{ type_raw_money() }}) as raw_gross_revenue,
        cast(rejected_gross_revenue as {{ type_raw_money() }}) as rejected_gross_revenue,
        cast(mart_gross_revenue as {{ type_raw_money() }}) as mart_gross_revenue,
        cast(raw_net_revenue as {{ type_raw_money() }}) as raw_net_revenue,
        cast(rejected_net_revenue as {{ type_raw_money() }}) as rejected_net_revenue,
        cast(mart_net_revenue as {{ type_raw_money() }}) as mart_net_revenue,
        cast(
            raw_session_rows - duplicate_session_rows - rejected_session_rows - mart_sessions
            as {{ dbt.type_bigint() }}
        ) as session_difference,
        cast(
            raw_transactions - rejected_transactions - mart_transactions
            as {{ dbt.type_bigint() }}
        ) as transaction_difference,
        cast(
            raw_gross_revenue - rejected_gross_revenue - mart_gross_revenue
            as {{ type_raw_money() }}
        ) as gross_difference,
        cast(
            raw_net_revenue - rejected_net_revenue - mart_net_revenue as {{ type_raw_money() }}
        ) as net_difference
    from counted

)

select * from final
