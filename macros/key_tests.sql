{#- Query with one row if keys have several rows, of those that the predicate finds. -#}
{% macro keys_with_several_rows(relation, columns, predicate='true') %}
    {%- set key = columns | join(', ') -%}
    select
        'more than one row for {{ key }}' as failure,
        count(*) as row_count
    from (
        select {{ key }}
        from {{ relation }}
        {%- if predicate != 'true' %}
        where ({{ key }}) in (select {{ key }} from {{ relation }} where {{ predicate }})
        {%- endif %}
        group by {{ key }}
        having count(*) > 1
    ) as repeated
    having count(*) > 0
{% endmacro %}

{#- Whether the contract of a model says that these columns are its primary key. -#}
{% macro contract_has_key(relation, columns) %}
    {%- set node = graph.nodes.get('model.' ~ project_name ~ '.' ~ relation.identifier) -%}
    {%- set keys = node.constraints | selectattr('type', 'equalto', 'primary_key') | list
        if node and node.config.contract.enforced else [] -%}
    {{ return(keys != [] and keys[0].columns == columns) }}
{% endmacro %}
