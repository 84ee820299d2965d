{#- How a table is built whole where dbt's own way is slow: it creates the table with its keys and
    then inserts, so that keys are kept up row by row and the query runs on one core. -#}

{#- PostgreSQL: the rows first, by a query that may run on all cores. It reads whole tables, for
    which an index is a detour, and handing rows to the process that writes them costs a fraction of
    what PostgreSQL assumes. -#}
{% macro postgres__create_table_as(temporary, relation, sql) -%}
    {%- if temporary or not config.get('contract').enforced -%}
        {#- Some rows of a table, few by an index or many by a scan; a merge join would walk all of it
            in the order of an index, from page to page. #}
        set local enable_mergejoin = off;
        set local parallel_tuple_cost = 0.01;
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
    {%- if config.get('contract').enforced -%}
        {%- do count_and_record_before_swap(relation) -%}
    {%- endif -%}
{% endmacro %}

{#- From the moment in which a table takes the name of another one until the commit, readers of that
    name wait: what reads millions of rows is done before. -#}
{% macro count_and_record_before_swap(relation) %}
    {%- do rows_in(is_whole=true) -%}
    {%- if model.config.meta.records_scope -%}
        {%- set statements = record_whole_build_after_in_transaction(relation) -%}
        {%- if statements | trim -%}
            {%- do run_query(statements) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- DuckDB: without the primary key. Its index costs four times the build, no query uses it, and one
    process at a time has the database; the test of the key proves it. -#}
{% macro duckdb__get_table_columns_and_constraints() %}
    ({{ adapter.render_raw_columns_constraints(raw_columns=model.columns) | join(', ') }})
{% endmacro %}

{#- Redshift: dbt's own way, with keys for the table's place on the cluster. Needed because dbt
    looks for PostgreSQL's variant in this project before it looks for Redshift's in dbt. -#}
{% macro redshift__create_table_as(temporary, relation, sql) -%}
    {%- set table = relation.include(database=not temporary, schema=not temporary) -%}
    {%- set keys = dist(config.get('dist') or redshift_distribution()) ~ ' '
        ~ sort(config.get('sort_type'), config.get('sort') or redshift_sorting()) -%}
    create {{ 'temporary ' if temporary }}table {{ table }}
    {%- if config.get('contract').enforced %}
    {{ get_table_columns_and_constraints() }}
    {{ get_assert_columns_equivalent(sql) }}
    {{ keys }};
    insert into {{ table }} ({{ get_select_subquery(sql) }});
    {%- else %}
    {{ keys }}
    as ({{ sql }});
    {%- endif -%}
{%- endmacro %}

{#- Rows of a user on one node, for all tables with many rows: what is computed by user needs no
    other node. Redshift decides for the rest, which is small. -#}
{% macro redshift_distribution() %}
    {%- set is_by_user = 'user_id' in model.columns
        and model.config.meta.get('rebuild_by', 'user_id') in ['user_id', 'session_date'] -%}
    {{ return('user_id' if config.get('contract').enforced and is_by_user else none) }}
{% endmacro %}

{#- By the column by which the table is rebuilt: blocks without a row that is due are skipped. -#}
{% macro redshift_sorting() %}
    {%- set rebuild_by = model.config.meta.rebuild_by -%}
    {{ return([rebuild_by] if rebuild_by in model.columns else none) }}
{% endmacro %}

{#- Redshift has no indexes, and the keys are in the table already. -#}
{% macro redshift__create_indexes(relation) %}
    {%- if config.get('contract').enforced -%}
        {%- do run_query(gather_statistics(relation)) -%}
    {%- endif -%}
{% endmacro %}
