{#- Hook at the end of a run, after finish_rebuild: how each model ended. dbt does not come here if
    the run died or finish_rebuild failed. -#}
{% macro close_ledger(results) %}
    {%- if execute -%}
        {%- set ended = {} -%}
        {%- for result in results if result.node.resource_type == 'model' -%}
            {%- do ended.update({result.node.name: result}) -%}
        {%- endfor -%}
        {%- if ended -%}
            {%- do run_and_commit(record_outcomes(ended)) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- Statements that note how each model ended. -#}
{% macro record_outcomes_in_transaction(ended) %}
    {{ add_to_ledger(ended) }}
    {%- set models = "'" ~ ended | join("', '") ~ "'" -%}
    update {{ rebuild_table('run_ledger') }}
    set
        seconds = case model
            {%- for name, result in ended.items() %}
            when '{{ name }}' then {{ '%.3f' | format(result.execution_time) }}
            {%- endfor %}
        end,
        {%- if 'rejected_records' in ended and ended.rejected_records.status == 'success' %}
        rows_rejected = case when model = 'rejected_records' then {{ rejected_in_run() }} end,
        {%- endif %}
        outcome = case model
            {%- for name, result in ended.items() %}
            when '{{ name }}' then '{{ result.status }}'
            {%- endfor %}
        end
    where invocation_id = '{{ invocation_id }}' and model in ({{ models }});

    {#- A `dbt retry` in the process of another run was told that run's models. #}
    delete from {{ rebuild_table('run_ledger') }}
    where invocation_id = '{{ invocation_id }}' and model not in ({{ models }})
{% endmacro %}

{#- SQL expression: how many raw rows stand in rejected_records; null without that table. -#}
{% macro rejected_in_run() %}
    {%- set rejected = load_relation(rebuild_table('rejected_records')) -%}
    {{ return('null' if rejected is none else '(select count(*) from ' ~ rejected ~ ')') }}
{% endmacro %}
