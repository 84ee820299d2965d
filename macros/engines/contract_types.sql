{#- Types by column, in order, as the engine stores what the contracts of tables say: a list of
    dicts. `tables` is a list of dicts with the model's node and the table's relation. -#}
{% macro contract_types(tables) %}
    {{ return(adapter.dispatch('contract_types', 'elt_summary')(tables)) }}
{% endmacro %}

{% macro default__contract_types(tables) %}
    {{ return(contract_types_of_a_table(tables)) }}
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
