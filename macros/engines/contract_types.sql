{#- Types by column, in order, as the engine stores what the contract of a model says. -#}
{% macro contract_types(relation, node) %}
    {{ return(adapter.dispatch('contract_types', 'elt_summary')(relation, node)) }}
{% endmacro %}

{% macro default__contract_types(relation, node) %}
    {{ return(contract_types_of_a_table(relation, node)) }}
{% endmacro %}

{#- Spark says it without a table. The column of the partitions stands last there. -#}
{% macro spark__contract_types(relation, node) %}
    {%- set parts, last = [], [] -%}
    {%- for column in node.columns.values() -%}
        {%- do (last if column.name == node.config.partition_by else parts).append(
            'cast(null as ' ~ api.Column.translate_type(column.data_type) ~ ') as ' ~ column.name
        ) -%}
    {%- endfor -%}
    {%- set types = {} -%}
    {%- for row in run_query('describe query select ' ~ (parts + last) | join(', ')).rows -%}
        {%- do types.update({row[0]: row[1] | lower}) -%}
    {%- endfor -%}
    {{ return(types) }}
{% endmacro %}
