{#- The database that dbt builds in; none where a schema is all there is. -#}
{% macro target_database() %}
    {{ return(adapter.dispatch('target_database', 'elt_summary')()) }}
{% endmacro %}

{% macro default__target_database() %}
    {{ return(target.database) }}
{% endmacro %}

{% macro spark__target_database() %}
    {{ return(none) }}
{% endmacro %}
