{#- Predicate for the records that this run looks at, by their session: all, or those of sessions
    with a time on the days due that fct_sessions does not have there, or that have a row which cannot
    be used (all other rows of those days are used) or a record from an earlier run, of sessions with a
    record on those days from an earlier run, and of those with a row loaded since the last finished
    run. -#}
{% macro due_records(column) %}
    {%- if looks_at_everything() -%}
        {{ return('true') }}
    {%- endif -%}
    {%- set due_sessions -%}
        select session_id from {{ ref('stg_session_timestamp') }}
        where is_usable and {{ due_days('started_at') }}
    {%- endset -%}
    {#- A session's only row can be used if the session is. -#}
    {%- set session_tables = [] if raw_sessions_are_unique(may_count=false)
        else ['stg_user_session_channel', 'stg_session_timestamp'] -%}
    {%- set sessions -%}
        {{ due_sessions }}
        except
        select session_id from {{ ref('fct_sessions') }}
        where {{ due_days('session_date') }}
        {%- for table in session_tables + ['stg_session_transaction'] %}
        {{ union_distinct() }}
        select session_id from {{ ref(table) }}
        where is_usable is not true and session_id in ({{ due_sessions }})
        {%- endfor %}
        {%- if load_relation(this) is not none %}
        {{ union_distinct() }}
        select record_key from {{ this }}
        where {{ due_days('session_date') }} or record_key in ({{ due_sessions }})
        {%- endif %}
        {%- if not rebuild_interval() %}
        {{ union_distinct() }}
        {{ loaded_since().sessions }}
        {%- endif %}
    {%- endset -%}
    {#- Few are named one by one, and none is false: planners then know how few, and who asks again
        need not search. Odd names would have to be quoted as each engine wants it. -#}
    {%- set named = once_per_run(
        'due_records', ref('fct_sessions'), 'select * from (' ~ sessions ~ ') as due limit 1001'
    ) -%}
    {%- set plain = [] -%}
    {%- for name in named if name is string and modules.re.fullmatch('[0-9A-Za-z_-]+', name) -%}
        {%- do plain.append(name) -%}
    {%- endfor -%}
    {%- if not named -%}
        {%- set predicate = 'false' -%}
    {%- elif plain | length == named | length and named | length <= 1000 -%}
        {%- set predicate = column ~ " in ('" ~ plain | join("', '") ~ "')" -%}
    {%- else -%}
        {%- set predicate = column ~ ' in (' ~ sessions ~ ')' -%}
    {%- endif -%}
    {#- Without a key no session says when the row was loaded; no index is lost here, because load
        times are found by a scan anyway. -#}
    {{ return('(' ~ predicate ~ (')' if rebuild_interval() else ' or ' ~ column ~ ' is null)')) }}
{% endmacro %}

{#- Whether this run has compared all of raw with fct_sessions, not only an interval or what was
    loaded since. -#}
{% macro looks_at_everything() %}
    {%- if rebuild_interval() -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(
        flags.FULL_REFRESH or not var('loaded_at_column') or not execute or not loaded_through()
    ) }}
{% endmacro %}

{#- Whether it is known that no raw row is left over: because this run has compared all of them with
    fct_sessions and found no difference; or by counting, as many rows in both session tables as there
    are sessions, and as many transactions as they have. Every session uses at least one row of both,
    so then all are used. -#}
{% macro nothing_is_rejected() %}
    {%- if not execute or not looks_at_everything() -%}
        {{ return(false) }}
    {%- elif found_in_run('buckets_that_differ') == [] -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set query -%}
        select case
            when users.row_count = sessions.row_count
                and times.row_count = sessions.row_count
                and transactions.row_count = sessions.transaction_count
                then 1
        end
        from (select count(*) as row_count from {{ ref('stg_user_session_channel') }}) as users
        cross join (select count(*) as row_count from {{ ref('stg_session_timestamp') }}) as times
        cross join (
            select count(*) as row_count from {{ ref('stg_session_transaction') }}
        ) as transactions
        cross join (
            select count(*) as row_count, coalesce(sum(transaction_count), 0) as transaction_count
            from {{ ref('fct_sessions') }}
        ) as sessions
    {%- endset -%}
    {{ return(once_per_run('nothing_is_rejected', ref('fct_sessions'), query) == [1]) }}
{% endmacro %}
