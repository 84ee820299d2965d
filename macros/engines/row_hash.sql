{#- A whole number that stands for the content of a row; sums of it tell two sets of rows apart. It
    has 62 bits, sign included, so that a few of them add up to a signed bigint. -#}
{% macro row_hash(columns) %}
    {{ return(adapter.dispatch('row_hash', 'elt_summary')(columns)) }}
{% endmacro %}

{% macro spark__row_hash(columns) %}
    {{ return('shiftright(xxhash64(' ~ columns | join(', ') ~ '), 2)') }}
{% endmacro %}

{% macro default__row_hash(columns) %}
    {{ return('cast(hash(' ~ columns | join(', ') ~ ') >> 3 as bigint)') }}
{% endmacro %}

{% macro postgres__row_hash(columns) %}
    {{ return('(hash_record_extended(row(' ~ columns | join(', ') ~ '), 0) >> 2)') }}
{% endmacro %}

{#- The hash of each column is the seed of the next. -#}
{% macro redshift__row_hash(columns) %}
    {%- set hashes = ['fnv_hash(' ~ columns[0] ~ ')'] -%}
    {%- for column in columns[1:] -%}
        {%- do hashes.append('fnv_hash(' ~ column ~ ', ' ~ hashes.pop() ~ ')') -%}
    {%- endfor -%}
    {{ return('(' ~ hashes[0] ~ ' / 4)') }}
{% endmacro %}
