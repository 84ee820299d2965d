{#- SQL expressions (aggregates): the value of a column in the first, or last, row of the group in
    the order of some other columns. -#}
{% macro first_by(column, order) %}
    {{ return(adapter.dispatch('first_by', 'elt_summary')(column, order)) }}
{% endmacro %}

{% macro last_by(column, order) %}
    {{ return(adapter.dispatch('last_by', 'elt_summary')(column, order)) }}
{% endmacro %}

{% macro default__first_by(column, order) %}
    {{ return('arg_min(' ~ column ~ ', (' ~ order | join(', ') ~ '))') }}
{% endmacro %}

{% macro default__last_by(column, order) %}
    {{ return('arg_max(' ~ column ~ ', (' ~ order | join(', ') ~ '))') }}
{% endmacro %}

{% macro spark__first_by(column, order) %}
    {{ return('min_by(' ~ column ~ ', struct(' ~ order | join(', ') ~ '))') }}
{% endmacro %}

{% macro spark__last_by(column, order) %}
    {{ return('max_by(' ~ column ~ ', struct(' ~ order | join(', ') ~ '))') }}
{% endmacro %}

{#- Both in the same order, so that PostgreSQL sorts once, on all cores. -#}
{% macro postgres__first_by(column, order) %}
    {{ return('(array_agg(' ~ column ~ ' order by ' ~ order | join(', ') ~ '))[1]') }}
{% endmacro %}

{% macro postgres__last_by(column, order) %}
    {{ return('(array_agg(' ~ column ~ ' order by ' ~ order | join(', ') ~ '))[count(*)]') }}
{% endmacro %}
