{#- What is in a schema now: rows with `name` and `type`. -#}
{% macro tables_and_views(schema) %}
    {{ return(adapter.dispatch('tables_and_views', 'elt_summary')(schema)) }}
{% endmacro %}

{% macro default__tables_and_views(schema) %}
    {{ return(list_relations_without_caching(schema)) }}
{% endmacro %}

{#- dbt-spark's gives other columns. -#}
{% macro spark__tables_and_views(schema) %}
    {%- set views, found = [], [] -%}
    {%- for row in run_query('show views in ' ~ schema.schema).rows -%}
        {%- do views.append(row[1]) -%}
    {%- endfor -%}
    {%- for row in run_query('show tables in ' ~ schema.schema).rows -%}
        {%- do found.append(
            {'name': row[1], 'type': 'view' if row[1] in views else 'table'}
        ) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
