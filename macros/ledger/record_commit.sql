{#- Statements that note in the ledger, in the transaction in which a model changes, that it did.
    The strategy `rebuild` calls it with the rows that it inserted. As the hook of every model it
    finds something left to note where that has not run: a view, or a table that was built whole. -#}
{% macro record_commit(inserted=none) %}
    {%- if execute -%}
        {%- set options = model.config -%}
        {%- set is_counted = options.materialized == 'table' or options.meta.rebuild_by -%}
        {{ add_to_ledger([model.name]) }}
        update {{ rebuild_table('run_ledger') }}
        set
            {%- if is_counted %}
            rows_in = {{ rows_in(is_whole=inserted is none) }},
            rows_written = (select count(*) from {{ inserted or this }}),
            {%- endif %}
            outcome = 'committed'
        where
            invocation_id = '{{ invocation_id }}'
            and model = '{{ model.name }}'
            and outcome = 'started'
    {%- endif -%}
{% endmacro %}

{#- SQL expression: how many rows are due where the model reads, by its meta.rebuild_by. -#}
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
    {{ return('(select count(*) from ' ~ rebuild_table(table) ~ ' where ' ~ predicate ~ ')') }}
{% endmacro %}
