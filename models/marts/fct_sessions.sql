-- Grain: one row per session that has a user and a time.
{{ config(
    unique_key='session_id',
    pre_hook=['{{ claim_rebuild() }}', '{{ record_whole_build_before() }}'],
    post_hook='{{ record_whole_build_after() }}',
    meta={'rebuild_by': 'session_date', 'records_scope': true},
    partition_by=partitions_for('session_date'),
    indexes=indexes_for(['session_date', 'user_id'], [('user_id', 'transaction_count > 0')]),
) }}
-- depends_on: {{ ref('rebuild_days') }}, {{ ref('rebuild_scope') }}
{% set some_days = is_incremental() or rebuild_interval() %}

with

sessions as (

    {{ sessions_from_raw(
        due=due_days('started_at') if some_days else none,
        is_unique=raw_sessions_are_unique(may_count=not some_days),
    ) }}

),

final as (

    select
        session_id,
        user_id,
        channel,
        started_at,
        session_date,
        transaction_count,
        gross_revenue,
        net_revenue,
        is_paid,
        refunded_transaction_count,
        is_listed_channel,
        row_hash
    from sessions

)

select * from final
