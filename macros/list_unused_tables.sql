{#- dbt run-operation list_unused_tables
    Tables and views in the target schema that nothing in the project makes; docs/retention.md. It
    prints the statements that drop them and drops nothing. -#}
{% macro list_unused_tables() %}
    {%- set made = [] -%}
    {%- for node in graph.nodes.values()
        if node.resource_type in ['model', 'seed', 'snapshot']
        and node.schema | lower == target.schema | lower -%}
        {%- do made.append(node.alias | lower) -%}
    {%- endfor -%}
    {%- set schema = api.Relation.create(database=target_database(), schema=target.schema) -%}
    {%- set unused = [] -%}
    {%- for found in tables_and_views(schema) if found['name'] | lower not in made -%}
        {%- set name = schema.incorporate(path={'identifier': found['name']}) -%}
        {%- do unused.append('drop ' ~ found['type'] | replace('_', ' ') ~ ' ' ~ name ~ ';') -%}
    {%- endfor -%}
    {{ log(unused | length ~ " tables and views in schema " ~ target.schema ~ " are made by nothing"
        ~ " in this project" ~ (". Look before you drop them:" if unused else "."), info=true) }}
    {%- for statement in unused | sort -%}
        {{ log(statement, info=true) }}
    {%- endfor -%}
{% endmacro %}
