{#- A whole number that stands for the content of a row; sums of it tell two sets of rows apart. It
    has 62 bits, sign included, so that a few of them add up to a signed bigint. Where an engine hashes
    one value at a time, the hash of each column is the seed of the next. -#}
{% macro row_hash(columns) %}
    {{ return(adapter.dispatch('row_hash', 'elt_summary')(columns)) }}
{% endmacro %}

{% macro spark__row_hash(columns) %}
    {{ return('shiftright(xxhash64(' ~ columns | join(', ') ~ '), 2)') }}
{% endmacro %}

{% macro default__row_hash(columns) %}
    {{ return('cast(hash(' ~ columns | join(', ') ~ ') >> 3 as bigint)') }}
{% endmacro %}

{#- hash_record_extended would need no types; but making the record takes as long as the hash.
    A text needs one collation, also where it comes from two columns with different ones. -#}
{% macro postgres__row_hash(columns) %}
    {%- set hash_of = {
        'text': 'hashtextextended(%s collate "C", %s)',
        'whole_number': 'hashint8extended(%s, %s)',
        'money': 'hash_numeric_extended(%s, %s)',
        'timestamp': 'timestamp_hash_extended(%s, %s)',
        'boolean': 'hashint8extended(cast(%s as int), %s)',
    } -%}
    {%- set hashes = ['0'] -%}
    {%- for column, type in columns.items() -%}
        {%- do hashes.append(hash_of[type] | format(column, hashes.pop())) -%}
    {%- endfor -%}
    {{ return('(' ~ hashes[0] ~ ' >> 2)') }}
{% endmacro %}

{% macro redshift__row_hash(columns) %}
    {%- set names = columns | list -%}
    {%- set hashes = ['fnv_hash(' ~ names[0] ~ ')'] -%}
    {%- for column in names[1:] -%}
        {%- do hashes.append('fnv_hash(' ~ column ~ ', ' ~ hashes.pop() ~ ')') -%}
    {%- endfor -%}
    {{ return('(' ~ hashes[0] ~ ' / 4)') }}
{% endmacro %}
