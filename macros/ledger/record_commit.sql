{#- Statements that note in the ledger, in the transaction in which a model changes, that it did.
    The strategy `rebuild` calls it with the rows that it inserted. As the hook of every model it
    finds something left to note where that has not run: a view, or a table that was built whole. -#}
{% macro record_commit_in_transaction(inserted=none) %}
    {%- if execute -%}
        {%- set options = model.config -%}
        {#- What the strategy has built, it has counted. -#}
        {%- set is_counted = (inserted or not is_incremental())
            and (options.materialized == 'table' or options.meta.rebuild_by) -%}
        {{ add_to_ledger([model.name]) }}
        update {{ rebuild_table('run_ledger') }}
        set
            {%- if is_counted %}
            rows_in = {{ rows_in(is_whole=inserted is none) }},
            rows_written = {{ rows_written(inserted) }},
            {%- endif %}
            outcome = 'committed'
        where
            invocation_id = '{{ invocation_id }}'
            and model = '{{ model.name }}'
            and outcome = 'started'
    {%- endif -%}
{% endmacro %}

{#- How many rows are due where the model reads, by its meta.rebuild_by; 'null' without one. -#}
{% macro rows_in(is_whole) %}
    {%- set sources = {
        'session_date': ['stg_session_timestamp', 'started_at', due_days],
        'session_month': ['fct_sessions', 'session_date', due_months],
        'user_id': ['fct_sessions', 'user_id', due_users],
        'revenue_rank': ['user_revenue', none, none],
    } -%}
    {%- set rebuild_by = model.config.meta.rebuild_by -%}
    {%- if rebuild_by not in sources -%}
        {{ return('null') }}
    {%- endif -%}
    {%- set table, column, due = sources[rebuild_by] -%}
    {#- The first build for an interval has only those days. -#}
    {%- set is_due = column and (
        not is_whole or (rebuild_by == 'session_date' and rebuild_interval())
    ) -%}
    {%- set predicate = due(column) if is_due else 'true' -%}
    {%- set query = 'select count(*) from ' ~ rebuild_table(table) ~ ' where ' ~ predicate -%}
    {#- The same for all models that are built by days, by users, or whole. -#}
    {{ return(once_per_run('rows_in: ' ~ query, rebuild_table(table), query)[0]) }}
{% endmacro %}

{#- SQL expression: how many rows came into the table. For one that was built whole the engine may
    have said it: counting takes as long as reading it. -#}
{% macro rows_written(inserted) %}
    {%- set main = none if inserted else load_result('main') -%}
    {%- if main and (main.response.rows_affected or 0) > 0 -%}
        {{ return(main.response.rows_affected) }}
    {%- endif -%}
    {{ return('(select count(*) from ' ~ (inserted or this) ~ ')') }}
{% endmacro %}
