{#- How a table is built whole where dbt's own way is slow: it creates the table with its keys and
    then inserts, so that keys are kept up row by row and the query runs on one core. -#}

{#- PostgreSQL: the rows first, by a query that may run on all cores. It reads whole tables, for
    which an index is a detour, and handing rows to the process that writes them costs a fraction of
    what PostgreSQL assumes. -#}
{% macro postgres__create_table_as(temporary, relation, sql) -%}
    {%- if temporary or not config.get('contract').enforced -%}
        create {{ 'temporary' if temporary }} table {{ relation }} as ({{ sql }})
    {%- else -%}
        {{ get_assert_columns_equivalent(sql) }}
        set local enable_indexscan = off;
        set local parallel_tuple_cost = 0.01;
        create table {{ relation }} as ({{ get_select_subquery(sql) }})
    {%- endif -%}
{%- endmacro %}

{#- PostgreSQL: then keys and required columns as the contract says, the indexes, and what the
    planner needs to know of the table. dbt calls this before it gives the table its name. -#}
{% macro postgres__create_indexes(relation) %}
    {%- if config.get('contract').enforced -%}
        {%- set changes = [] -%}
        {%- set constraints = model.constraints -%}
        {%- for constraint in adapter.render_raw_model_constraints(raw_constraints=constraints) -%}
            {%- do changes.append('add ' ~ constraint) -%}
        {%- endfor -%}
        {%- for column in model.columns.values()
            if column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
            {%- do changes.append('alter column ' ~ column.name ~ ' set not null') -%}
        {%- endfor -%}
        {%- if changes -%}
            {%- do run_query('alter table ' ~ relation ~ ' ' ~ changes | join(', ')) -%}
        {%- endif -%}
    {%- endif -%}
    {{ default__create_indexes(relation) }}
    {%- do run_query(gather_statistics(relation)) -%}
{% endmacro %}

{#- DuckDB: without the primary key. Its index costs four times the build, no query uses it, and one
    process at a time has the database; the test of the key proves it. -#}
{% macro duckdb__get_table_columns_and_constraints() %}
    ({{ adapter.render_raw_columns_constraints(raw_columns=model.columns) | join(', ') }})
{% endmacro %}
