{#- Predicate for the sessions that may differ between the raw tables and fct_sessions: those in
    buckets whose sums of hashes differ. Nothing is joined to find them. A raw row that no session
    uses makes its bucket differ each time: where there are many, all sessions are compared at once. -#}
{% macro sessions_that_may_differ(column) %}
    {%- set few = 200 -%}
    {%- if unused_raw_rows() > few -%}
        {{ return('true') }}
    {%- endif -%}
    {#- None is that of rows without a session. -#}
    {%- set buckets = buckets_that_differ() | reject('none') | list -%}
    {%- if not buckets -%}
        {{ return('false') }}
    {%- elif buckets | length > few -%}
        {{ return('true') }}
    {%- endif -%}
    {{ return(bucket_of(column) ~ ' in (' ~ buckets | join(', ') ~ ')') }}
{% endmacro %}

{#- Rejected ones and exact duplicates, as the run before counted them. -#}
{% macro unused_raw_rows() %}
    {%- set rejected, days = rebuild_table('rejected_records'), rebuild_table('reconciliation') -%}
    {%- set counts = once_per_run('rejected_rows', rejected,
        'select coalesce(sum(row_count), 0) from ' ~ rejected
    ) + once_per_run('duplicate_rows', days,
        'select coalesce(sum(duplicate_session_rows), 0) from ' ~ days
    ) -%}
    {{ return(counts | sum) }}
{% endmacro %}

{#- Their numbers, asked once per run. -#}
{% macro buckets_that_differ() %}
    {%- set built_sessions = existing_fct_sessions() -%}
    {%- set query -%}
        select bucket
        from (
            select {{ bucket_of('session_id') }} as bucket, row_hash
            from ({{ hashes_of_raw_rows() }}) as raw_rows

            union all

            select {{ bucket_of('session_id') }} as bucket, -row_hash as row_hash
            from {{ built_sessions }}
        ) as hashes
        group by bucket
        having {{ checksum('row_hash') }} != 0
    {%- endset -%}
    {{ return(once_per_run('buckets_that_differ', built_sessions, query)) }}
{% endmacro %}

{#- Query for the hash of every raw row, and of all transactions of a session. What cannot be used
    has one as well, so that it makes its bucket differ. All are bigint: with two types in a union,
    PostgreSQL reads none of the tables in parallel. -#}
{% macro hashes_of_raw_rows() %}
    select session_id, case when is_usable then {{ user_hash() }} else 1 end as row_hash
    from (
        select
            users.session_id,
            users.user_id,
            users.is_usable,
            coalesce(channels.channel, users.channel) as channel,
            channels.channel is not null as is_listed_channel
        from {{ ref('stg_user_session_channel') }} as users
        left join {{ ref('int_channels') }} as channels
            on lower(users.channel) = channels.channel_key
    ) as session_users

    union all

    select session_id, case when is_usable then {{ time_hash() }} else 1 end as row_hash
    from {{ ref('stg_session_timestamp') }}

    union all

    select session_id, {{ transactions_hash() }} as row_hash
    from ({{ transactions_from_raw() }}) as session_transactions

    union all

    select session_id, cast(1 as bigint) as row_hash
    from {{ ref('stg_session_transaction') }}
    where is_usable is not true
{% endmacro %}
