{#- A whole number that stands for the content of a row; sums of it tell two sets of rows apart. -#}
{% macro row_hash(columns) %}
    {{ return(adapter.dispatch('row_hash', 'elt_summary')(columns)) }}
{% endmacro %}

{#- The lower bit goes so that it fits a signed bigint. -#}
{% macro default__row_hash(columns) %}
    {{ return('cast(hash(' ~ columns | join(', ') ~ ') >> 1 as bigint)') }}
{% endmacro %}

{% macro postgres__row_hash(columns) %}
    {{ return('hash_record_extended(row(' ~ columns | join(', ') ~ '), 0)') }}
{% endmacro %}

{% macro spark__row_hash(columns) %}
    {{ return('xxhash64(' ~ columns | join(', ') ~ ')') }}
{% endmacro %}

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
