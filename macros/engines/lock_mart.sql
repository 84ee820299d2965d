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
    {%- set sessions = "hashtextextended('" ~ this.schema ~ ".fct_sessions', 0)" -%}
    {%- set own = "hashtextextended('" ~ this.schema ~ "." ~ this.identifier ~ "', 0)" -%}
    {%- if this.identifier == 'fct_sessions' -%}
        select pg_advisory_xact_lock({{ own }})
    {%- else -%}
        select pg_advisory_xact_lock_shared({{ sessions }}), pg_advisory_xact_lock({{ own }})
    {%- endif -%}
{% endmacro %}
