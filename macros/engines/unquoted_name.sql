{#- The name without quotes by which SQL finds a column that is stored under a name. -#}
{% macro unquoted_name(stored) %}
    {{ return(adapter.dispatch('unquoted_name', 'elt_summary')(stored)) }}
{% endmacro %}

{% macro default__unquoted_name(stored) %}
    {{ return(stored | lower) }}
{% endmacro %}

{#- PostgreSQL lowers what is not quoted, and finds no column that was stored as "Ts". -#}
{% macro postgres__unquoted_name(stored) %}
    {{ return(stored) }}
{% endmacro %}

{#- Redshift stores every name in lower case. -#}
{% macro redshift__unquoted_name(stored) %}
    {{ return(default__unquoted_name(stored)) }}
{% endmacro %}
