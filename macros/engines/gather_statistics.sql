{#- Statement that tells the planner what a table holds now; nothing where the engine knows. -#}
{% macro gather_statistics(relation) %}
    {{ return(adapter.dispatch('gather_statistics', 'elt_summary')(relation)) }}
{% endmacro %}

{% macro default__gather_statistics(relation) %}
    {{ return('') }}
{% endmacro %}

{% macro postgres__gather_statistics(relation) %}
    {{ return('analyze ' ~ relation ~ ';') }}
{% endmacro %}

{#- Without the name of the database, which Redshift documents for few commands. -#}
{% macro redshift__gather_statistics(relation) %}
    {{ return('analyze ' ~ relation.include(database=false) ~ ';') }}
{% endmacro %}
