{#- A table that is rebuilt in part keeps the columns that it was created with. Before anything is
    touched: does each one of this run still have the columns of its contract? If not, somebody
    decides; see docs/contract-changes.md. -#}
{% macro check_contracts() %}
    {%- set problems, refreshed, set_aside = [], [], [] -%}
    {%- for node in graph.nodes.values()
        if node.unique_id in selected_resources and keeps_its_columns(node) -%}
        {%- set relation = load_relation(rebuild_table(node.name)) -%}
        {%- set differences = [] if relation is none or not relation.is_table
            else contract_differences(relation, node) -%}
        {%- if differences -%}
            {%- do problems.extend(differences) -%}
            {%- do (set_aside if is_state(node) else refreshed).append(node.name) -%}
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

{#- Names, order and types, as a list of texts. -#}
{% macro contract_differences(relation, node) %}
    {%- set table = 'table ' ~ relation.schema ~ '.' ~ relation.identifier -%}
    {%- set found = column_types(relation) -%}
    {%- set expected = contract_types(relation, node) -%}
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

{#- The same for the contract. The engine itself says what it makes of the contract's types, by an
    empty temporary table: a query would not tell numeric(18, 2) from numeric(18, 4). -#}
{% macro contract_types_of_a_table(relation, node) %}
    {%- set columns = {} -%}
    {%- for column in node.columns.values() -%}
        {%- set type = api.Column.translate_type(column.data_type) -%}
        {%- do columns.update({column.name: dict(column, data_type=type)}) -%}
    {%- endfor -%}
    {%- set temporary = make_temp_relation(relation, '__contract') -%}
    {%- do run_query(
        'create temporary table ' ~ temporary ~ ' as select * from ('
        ~ get_empty_schema_sql(columns) ~ ') as contract limit 0'
    ) -%}
    {%- set types = column_types(temporary) -%}
    {%- do run_query('drop table ' ~ temporary) -%}
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
