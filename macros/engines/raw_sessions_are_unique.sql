{#- Whether both raw session tables are known to have each session once, so that nothing need look
    for duplicates. True only where nothing can make it untrue before the rows are read. -#}
{% macro raw_sessions_are_unique(may_count=true) %}
    {%- if not execute -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(adapter.dispatch('raw_sessions_are_unique', 'elt_summary')(may_count)) }}
{% endmacro %}

{% macro default__raw_sessions_are_unique(may_count) %}
    {{ return(false) }}
{% endmacro %}

{#- Counted: one process has the database, and the same hash for all of it costs less than grouping.
    Hashes need not be told apart in both tables: equal sums say that both have the same sessions,
    equally often; then a session that is once in one of them is once in the other. -#}
{% macro duckdb__raw_sessions_are_unique(may_count) %}
    {%- set users, times = ref('stg_user_session_channel'), ref('stg_session_timestamp') -%}
    {%- if not may_count or load_relation(users) is none or load_relation(times) is none -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set same_sessions -%}
        select count(*)
        from (select sum(hash(session_id)) as hash_sum from {{ users }} where is_usable) as users
        inner join (select sum(hash(session_id)) as hash_sum from {{ times }} where is_usable) as times
            on users.hash_sum = times.hash_sum
    {%- endset -%}
    {%- if once_per_run('raw_sessions_are_the_same', users, same_sessions) != [1] -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set repeated -%}
        select count(*) - count(distinct hash(session_id)) from {{ times }} where is_usable
    {%- endset -%}
    {{ return(once_per_run('raw_sessions_repeated', times, repeated) == [0]) }}
{% endmacro %}

{#- Said by a key of each table: a primary key, or a unique index on the session alone. The demo
    seeds have none. -#}
{% macro postgres__raw_sessions_are_unique(may_count) %}
    {%- if var('demo_data') -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set query -%}
        select count(distinct tables.oid)
        from pg_catalog.pg_index as keys
        inner join pg_catalog.pg_class as tables on tables.oid = keys.indrelid
        inner join pg_catalog.pg_namespace as schemas on schemas.oid = tables.relnamespace
        inner join pg_catalog.pg_attribute as columns
            on columns.attrelid = keys.indrelid and columns.attnum = keys.indkey[0]
        where
            schemas.nspname = '{{ var('raw_schema') }}'
            and tables.relname in ('user_session_channel', 'session_timestamp')
            and (tables.relkind = 'p' or (tables.relkind = 'r' and not tables.relhassubclass))
            and columns.attname = 'sessionid'
            and keys.indisunique and keys.indisvalid and keys.indimmediate
            and keys.indnkeyatts = 1 and keys.indpred is null
    {%- endset -%}
    {{ return(run_query(query).columns[0].values()[0] == 2) }}
{% endmacro %}

{#- Keys are not enforced, and somebody may load between counting and reading. -#}
{% macro redshift__raw_sessions_are_unique(may_count) %}
    {{ return(false) }}
{% endmacro %}
