{#- Predicate: the timestamp is not plus or minus infinity. -#}
{% macro is_finite(column) %}
    {{ return(adapter.dispatch('is_finite', 'elt_summary')(column)) }}
{% endmacro %}

{#- Spark's timestamps are. -#}
{% macro spark__is_finite(column) %}
    {{ return('true') }}
{% endmacro %}

{% macro default__is_finite(column) %}
    {{ return('isfinite(' ~ column ~ ')') }}
{% endmacro %}

{#- Redshift has no infinite times. -#}
{% macro redshift__is_finite(column) %}
    {{ return('true') }}
{% endmacro %}
