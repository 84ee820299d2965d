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

{#- Redshift has no aggregate for it: the least, or greatest, text that begins with what is ordered
    by and ends with the value. U+0001 stands between, twice before the value: it sorts before
    whatever else a text may have, so a text sorts before those that it begins. The columns that are
    ordered by must not be null or empty, nor times before the year 1000. -#}
{% macro redshift__first_by(column, order) %}
    {{ return(redshift_value_of('min', column, order)) }}
{% endmacro %}

{% macro redshift__last_by(column, order) %}
    {{ return(redshift_value_of('max', column, order)) }}
{% endmacro %}

{% macro redshift_value_of(aggregate, column, order) %}
    {%- set parts = [] -%}
    {%- for part in order -%}
        {%- do parts.append('replace(cast(' ~ part ~ " as varchar), chr(1), '')") -%}
    {%- endfor -%}
    {%- set found = aggregate ~ '(' ~ parts | join(' || chr(1) || ') ~ ' || chr(1) || chr(1) || '
        ~ column ~ ')' -%}
    {{ return(
        'substring(' ~ found ~ ', strpos(' ~ found ~ ', chr(1) || chr(1)) + 2, 65535)'
    ) }}
{% endmacro %}
