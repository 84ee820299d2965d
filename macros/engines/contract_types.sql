{#- Types by column, in order, as the engine stores what the contracts of tables say: a list of
    dicts. `tables` is a list of dicts with the model's node and the table's relation. -#}
{% macro contract_types(tables) %}
    {{ return(adapter.dispatch('contract_types', 'elt_summary')(tables)) }}
{% endmacro %}

{#- The engine itself says what it makes of the types, by one empty temporary table that has all
    columns: a query would not tell numeric(18, 2) from numeric(18, 4). -#}
{% macro default__contract_types(tables) %}
    {%- if not tables -%}
        {{ return([]) }}
    {%- endif -%}
    {%- set parts, all_types, columns = [], [], {} -%}
    {%- for table in tables -%}
        {%- do all_types.append({}) -%}
        {%- for column in table.node.columns.values() -%}
            {%- set type = api.Column.translate_type(column.data_type) -%}
            {%- set part = 'c_' ~ parts | length -%}
            {%- do parts.append({'table': all_types[-1], 'name': column.name}) -%}
            {%- do columns.update({part: dict(column, name=part, data_type=type)}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set temporary = make_temp_relation(tables[0].relation, '__contract') -%}
    {%- do run_query(
        'create temporary table ' ~ temporary ~ ' as select * from ('
        ~ get_empty_schema_sql(columns) ~ ') as contract limit 0'
    ) -%}
    {%- set rendered = column_types(temporary) -%}
    {%- do run_query('drop table ' ~ temporary) -%}
    {%- for part in parts -%}
        {%- do part.table.update({part.name: rendered['c_' ~ loop.index0]}) -%}
    {%- endfor -%}
    {{ return(all_types) }}
{% endmacro %}

{#- Spark says it without a table. The column of the partitions stands last there. -#}
{% macro spark__contract_types(tables) %}
    {%- set parts, all_types = [], [] -%}
    {%- for table in tables -%}
        {%- do all_types.append({}) -%}
        {%- set last = table.node.config.partition_by -%}
        {%- for is_last in [false, true] -%}
            {%- for column in table.node.columns.values() if (column.name == last) == is_last -%}
                {%- set type = api.Column.translate_type(column.data_type) -%}
                {%- do parts.append({'table': all_types[-1], 'name': column.name, 'type': type}) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if parts -%}
        {%- set query -%}
            describe query select
            {%- for part in parts %}
            cast(null as {{ part.type }}) as c_{{ loop.index0 }} {{ ',' if not loop.last }}
            {%- endfor %}
        {%- endset -%}
        {%- for row in run_query(query).rows -%}
            {%- set part = parts[loop.index0] -%}
            {%- do part.table.update({part.name: row[1] | lower}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(all_types) }}
{% endmacro %}
