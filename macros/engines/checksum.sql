{#- SQL expression: the sum of row hashes. -#}
{% macro checksum(column) %}
    {{ return(adapter.dispatch('checksum', 'elt_summary')(column)) }}
{% endmacro %}

{% macro default__checksum(column) %}
    {{ return('sum(' ~ column ~ ')') }}
{% endmacro %}

{#- Spark's sum of whole numbers does not grow beyond 64 bits. -#}
{% macro spark__checksum(column) %}
    {{ return('sum(cast(' ~ column ~ ' as decimal(20, 0)))') }}
{% endmacro %}
