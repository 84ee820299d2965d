{#- A table that is rebuilt in part keeps the columns that it was created with. Before anything is
    touched: does each one of this run still have the columns of its contract? If not, somebody
    decides; see docs/contract-changes.md. -#}
{% macro check_contracts() %}
    {%- set tables = [] -%}
    {%- for node in graph.nodes.values()
        if node.unique_id in selected_resources and keeps_its_columns(node) -%}
        {%- set relation = load_relation(rebuild_table(node.name)) -%}
        {%- if relation is not none and relation.is_table -%}
            {%- do tables.append({'node': node, 'relation': relation}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set problems, refreshed, set_aside = [], [], [] -%}
    {%- set expected = contract_types(tables) -%}
    {%- for table in tables -%}
        {%- set differences = contract_differences(table.relation, expected[loop.index0]) -%}
        {%- if differences -%}
            {%- do problems.extend(differences) -%}
            {%- do (set_aside if is_state(table.node) else refreshed).append(table.node.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if problems -%}
        {{ exceptions.raise_compiler_error(
            "Tables differ from their contracts: " ~ problems | join('; ')
            ~ ". If the contract is right, migrate: " ~ migration(refreshed, set_aside)
            ~ ". See docs/contract-changes.md. Nothing was changed."
        ) }}
    {%- endif -%}
{% endmacro %}

{% macro keeps_its_columns(node) %}
    {{ return(
        node.resource_type == 'model' and node.config.materialized == 'incremental'
        and node.config.contract.enforced
        and (is_state(node) or not flags.FULL_REFRESH)
    ) }}
{% endmacro %}

{#- Tables that remember what runs did: never refreshed. -#}
{% macro is_state(node) %}
    {{ return(node.config.full_refresh is false) }}
{% endmacro %}

{#- Names, order and types, as a list of texts; `expected` are the types by column. -#}
{% macro contract_differences(relation, expected) %}
    {%- set table = 'table ' ~ relation.schema ~ '.' ~ relation.identifier -%}
    {%- set found = column_types(relation) -%}
    {%- set differences = [] -%}
    {%- for name, type in expected.items() -%}
        {%- if name not in found -%}
            {%- do differences.append(table ~ ' has no column ' ~ name ~ ' (' ~ type ~ ')') -%}
        {%- elif found[name] != type -%}
            {%- do differences.append(
                'column ' ~ name ~ ' of ' ~ table ~ ' is ' ~ found[name] ~ ', the contract says '
                ~ type
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name, type in found.items() if name not in expected -%}
        {%- do differences.append(
            table ~ ' has a column ' ~ name ~ ' (' ~ type ~ ') that the contract does not have'
        ) -%}
    {%- endfor -%}
    {%- if not differences and found | list != expected | list -%}
        {%- do differences.append(
            'the columns of ' ~ table ~ ' are in the order ' ~ found | join(', ')
            ~ ', those of the contract ' ~ expected | join(', ')
        ) -%}
    {%- endif -%}
    {{ return(differences) }}
{% endmacro %}

{#- Types by column, in order. -#}
{% macro column_types(relation) %}
    {%- set types = {} -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do types.update({column.name: column.data_type | lower}) -%}
    {%- endfor -%}
    {{ return(types) }}
{% endmacro %}

{#- The commands that make tables as their contracts, to be typed as they stand. -#}
{% macro migration(refreshed, set_aside) %}
    {%- set options = ' --target ' ~ target.name -%}
    {%- if invocation_args_dict.vars -%}
        {%- set options = options ~ " --vars '" ~ invocation_args_dict.vars | tojson ~ "'" -%}
    {%- endif -%}
    {%- set commands = [] -%}
    {%- for table in set_aside -%}
        {%- do commands.append(
            "dbt run-operation set_aside --args '{table: " ~ table ~ "}'" ~ options
        ) -%}
    {%- endfor -%}
    {%- set select = '' if set_aside else ' --select ' ~ refreshed | join('+ ') ~ '+' -%}
    {%- do commands.append('dbt build --full-refresh' ~ select ~ options) -%}
    {{ return(commands | join(' && ')) }}
{% endmacro %}

{#- For dbt run-operation: renames a table that is never refreshed. The next run makes it anew, and
    nothing that it remembered is lost. -#}
{% macro set_aside(table) %}
    {%- set tables = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and is_state(node) -%}
        {%- do tables.append(node.name) -%}
    {%- endfor -%}
    {%- if table not in tables -%}
        {{ exceptions.raise_compiler_error('table must be one of ' ~ tables | join(', ')) }}
    {%- endif -%}
    {%- set relation = load_relation(rebuild_table(table)) -%}
    {%- if relation is none -%}
        {{ exceptions.raise_compiler_error(rebuild_table(table) ~ ' does not exist') }}
    {%- endif -%}
    {%- set name = table ~ run_started_at.strftime('_until_%Y%m%d_%H%M%S') -%}
    {%- do adapter.rename_relation(relation, rebuild_table(name).incorporate(type='table')) -%}
    {%- do adapter.commit() -%}
    {%- do log(relation ~ ' is now called ' ~ name, info=true) -%}
{% endmacro %}
