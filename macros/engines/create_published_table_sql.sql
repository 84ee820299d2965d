{#- Statement that creates an empty table with the columns, types and keys of another. -#}
{% macro create_published_table_sql(table) %}
    {{ return(adapter.dispatch('create_published_table_sql', 'elt_summary')(table)) }}
{% endmacro %}

{#- Keys from the contract. -#}
{% macro default__create_published_table_sql(table) %}
    {%- set parts = [] -%}
    {%- for column in adapter.get_columns_in_relation(table.source) -%}
        {%- set described = table.node.columns.get(column.name, {}) -%}
        {%- set required = described.get('constraints', [])
            | selectattr('type', 'equalto', 'not_null') | list -%}
        {%- do parts.append(
            column.quoted ~ ' ' ~ column.data_type ~ (' not null' if required else '')
        ) -%}
    {%- endfor -%}
    {%- if table.key -%}
        {%- do parts.append('primary key (' ~ table.key | join(', ') ~ ')') -%}
    {%- endif -%}
    create table {{ table.destination }} ({{ parts | join(', ') }})
{% endmacro %}

{#- Indexes, too. -#}
{% macro postgres__create_published_table_sql(table) %}
    create table {{ table.destination }} (like {{ table.source }} including all)
{% endmacro %}

{#- With the distribution and sort keys of the table, which `like` takes over; primary keys are not
    enforced anyway. -#}
{% macro redshift__create_published_table_sql(table) %}
    create table {{ table.destination.include(database=false) }}
        (like {{ table.source.include(database=false) }})
{% endmacro %}
