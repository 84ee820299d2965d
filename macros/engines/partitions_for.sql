{#- Configuration `partition_by` of a model: the column by which it is stored in parts, where the
    engine replaces parts and not rows. -#}
{% macro partitions_for(column) %}
    {{ return(adapter.dispatch('partitions_for', 'elt_summary')(column)) }}
{% endmacro %}

{% macro default__partitions_for(column) %}
    {{ return(none) }}
{% endmacro %}

{% macro spark__partitions_for(column) %}
    {{ return(column) }}
{% endmacro %}
