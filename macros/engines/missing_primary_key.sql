{#- Query with one row if a table has lost its primary key; none where no keys are enforced. -#}
{% macro missing_primary_key(relation, columns) %}
    {{ return(adapter.dispatch('missing_primary_key', 'elt_summary')(relation, columns)) }}
{% endmacro %}

{% macro default__missing_primary_key(relation, columns) %}
    {{ return(none) }}
{% endmacro %}

{% macro postgres__missing_primary_key(relation, columns) %}
    {%- set query -%}
        select
            'the table has no primary key ({{ columns | join(', ') }})' as failure,
            0 as row_count
        where not exists (
            select 1
            from pg_catalog.pg_constraint
            where
                conrelid = '{{ relation }}'::regclass
                and contype = 'p'
                and convalidated
                and pg_get_constraintdef(oid) = 'PRIMARY KEY ({{ columns | join(', ') }})'
        )
    {%- endset -%}
    {{ return(query) }}
{% endmacro %}

{#- Redshift knows primary keys and does not enforce them. -#}
{% macro redshift__missing_primary_key(relation, columns) %}
    {{ return(none) }}
{% endmacro %}
