{#- Predicate: two values differ, null being a value like others. -#}
{% macro is_distinct(left, right) %}
    {{ return(adapter.dispatch('is_distinct', 'elt_summary')(left, right)) }}
{% endmacro %}

{% macro default__is_distinct(left, right) %}
    {{ return(left ~ ' is distinct from ' ~ right) }}
{% endmacro %}

{% macro redshift__is_distinct(left, right) %}
    {{ return(
        '(coalesce(' ~ left ~ ' != ' ~ right ~ ', false) or (' ~ left ~ ' is null) != ('
        ~ right ~ ' is null))'
    ) }}
{% endmacro %}
