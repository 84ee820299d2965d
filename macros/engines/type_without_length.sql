{#- Name of a column's type, in lower case, without length. -#}
{% macro type_without_length(column) %}
    {{ return(adapter.dispatch('type_without_length', 'elt_summary')(column)) }}
{% endmacro %}

{% macro default__type_without_length(column) %}
    {{ return(column.dtype | lower) }}
{% endmacro %}

{#- dbt-spark leaves it in: varchar(32). -#}
{% macro spark__type_without_length(column) %}
    {{ return((column.dtype | lower).split('(')[0]) }}
{% endmacro %}
