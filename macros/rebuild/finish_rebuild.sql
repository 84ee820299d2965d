{#- Hook at the end of a run: its days are finished if fct_sessions and every model that hangs on it
    was rebuilt in this run. A run that died before this point leaves them for the next one. -#}
{% macro finish_rebuild(results) %}
    {%- if execute -%}
        {%- set rebuilt = [] -%}
        {%- for result in results if result.status == 'success' -%}
            {%- do rebuilt.append(result.node.unique_id) -%}
        {%- endfor -%}
        {%- set missing = [] -%}
        {%- for node in models_that_finish_days() if node.unique_id not in rebuilt -%}
            {%- do missing.append(node.name) -%}
        {%- endfor -%}
        {%- if not missing -%}
            {%- set statements -%}
                {#- Nobody may be in the middle of reading what is deleted here. #}
                {{ lock_sessions() }}
                {{ finish_run_sql(invocation_id) }}
            {%- endset -%}
            {{ as_one_transaction(statements) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- Statements that mark the days of a run finished. -#}
{% macro finish_run_sql_in_transaction(run) %}
    update {{ rebuild_table('rebuild_days') }} set is_finished = true
    where invocation_id = '{{ run }}' and not is_finished;
    delete from {{ rebuild_table('rebuild_scope') }}
    where invocation_id = '{{ run }}';
    update {{ rebuild_table('rebuild_loads') }} set is_finished = true
    where invocation_id = '{{ run }}' and not is_finished
{% endmacro %}

{#- Nodes without which no day is finished: fct_sessions and every model that hangs on it. -#}
{% macro models_that_finish_days() %}
    {%- set models = [] -%}
    {%- for node in graph.nodes.values()
        if node.config.meta.get('rebuild_by', 'everything') != 'everything' -%}
        {%- do models.append(node) -%}
    {%- endfor -%}
    {{ return(models) }}
{% endmacro %}

{% macro rebuild_table(name) %}
    {{ return(api.Relation.create(
        database=target_database(), schema=target.schema, identifier=name
    )) }}
{% endmacro %}
