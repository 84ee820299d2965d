{#- Hook before a mart is rebuilt, in its transaction: one process at a time. A database that one
    process has to itself needs none. -#}
{% macro lock_mart() %}
    {{ return(adapter.dispatch('lock_mart', 'elt_summary')()) }}
{% endmacro %}

{% macro default__lock_mart() %}
    {{ return('') }}
{% endmacro %}

{#- Advisory locks until the transaction ends. Whoever hangs on fct_sessions keeps it from changing
    meanwhile (shared), but does not wait for the others that hang on it. -#}
{% macro postgres__lock_mart() %}
    {%- if this.identifier == 'fct_sessions' -%}
        {{ lock_sessions() }}
    {%- else -%}
        select
            pg_advisory_xact_lock_shared({{ postgres_lock_key('fct_sessions') }}),
            pg_advisory_xact_lock({{ postgres_lock_key(this.identifier) }})
    {%- endif -%}
{% endmacro %}

{#- Statement that waits until nobody rebuilds fct_sessions or what hangs on it, and keeps everybody
    from it until the transaction ends. -#}
{% macro lock_sessions() %}
    {{ return(lock_table('fct_sessions')) }}
{% endmacro %}

{#- Statement that takes the advisory lock of a table until the transaction ends; nothing where one
    process has the database to itself. -#}
{% macro lock_table(table) %}
    {{ return(adapter.dispatch('lock_table', 'elt_summary')(table)) }}
{% endmacro %}

{% macro default__lock_table(table) %}
    {{ return('') }}
{% endmacro %}

{% macro postgres__lock_table(table) %}
    select pg_advisory_xact_lock({{ postgres_lock_key(table) }});
{% endmacro %}

{% macro postgres_lock_key(table) %}
    {{ return("hashtextextended('" ~ target.schema ~ "." ~ table ~ "', 0)") }}
{% endmacro %}

{#- Redshift has no advisory locks. Everybody locks rebuild_scope instead, which only this project
    reads, before anything else in the transaction: one mart at a time is rebuilt, of all runs.
    Before the first build there is nothing to lock; of two first builds one ends with an error. -#}
{% macro redshift__lock_mart() %}
    {{ return(lock_sessions()) }}
{% endmacro %}

{% macro redshift__lock_table(table) %}
    {%- set scope = rebuild_table('rebuild_scope') -%}
    {{ return(
        'lock ' ~ scope.include(database=false) ~ ';' if load_relation(scope) is not none else ''
    ) }}
{% endmacro %}
