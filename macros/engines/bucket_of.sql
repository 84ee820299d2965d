{#- A whole number: one of some thousand buckets, about the same number of sessions in each. More
    would cost more to sum up than they save. -#}
{% macro bucket_of(column) %}
    {{ return(adapter.dispatch('bucket_of', 'elt_summary')(column)) }}
{% endmacro %}

{% macro default__bucket_of(column) %}
    {{ return('mod(' ~ row_hash([column]) ~ ', 1024)') }}
{% endmacro %}

{#- Without making a record of it. -#}
{% macro postgres__bucket_of(column) %}
    {{ return('mod(hashtextextended(' ~ column ~ ', 0), 1024)') }}
{% endmacro %}

{#- Needed because dbt looks for PostgreSQL's variant in this project before the default. -#}
{% macro redshift__bucket_of(column) %}
    {{ return(default__bucket_of(column)) }}
{% endmacro %}
