{#- Hook at the start of a run, committed before any model begins: a row for each model that is to
    be built. dbt retry does not say which those are: its rows come when a model commits, or at the
    end. -#}
{% macro open_ledger() %}
    {%- if execute and invocation_args_dict.which in ['run', 'build'] -%}
        {%- set models = [] -%}
        {%- for id in selected_resources if id.startswith('model.') -%}
            {%- do models.append(graph.nodes[id].name) -%}
        {%- endfor -%}
        {%- set ledger = rebuild_table('run_ledger') -%}
        {%- if load_relation(ledger) is none -%}
            {%- do run_and_commit(create_ledger()) -%}
            {%- do adapter.cache_added(ledger.incorporate(type='table')) -%}
        {%- endif -%}
        {%- if models -%}
            {%- do run_and_commit(add_to_ledger(models)) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- Run statements in a transaction and commit it. A hook that only hands its statements to dbt may
    find a transaction open that a look into the database has begun, and that dbt rolls back. -#}
{% macro run_and_commit(statements) %}
    {%- call statement(auto_begin=true) -%}
        {{ statements }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
{% endmacro %}

{#- Statements that create the ledger, as the contract of its model says. -#}
{% macro create_ledger_in_transaction() %}
    {%- set contract = graph.nodes['model.' ~ project_name ~ '.run_ledger'] -%}
    {%- set columns = {} -%}
    {%- for name, column in contract.columns.items() -%}
        {%- set data_type = api.Column.translate_type(column.data_type) -%}
        {%- do columns.update({name: dict(column, data_type=data_type)}) -%}
    {%- endfor -%}
    {%- set definitions = adapter.render_raw_columns_constraints(raw_columns=columns)
        + adapter.render_raw_model_constraints(raw_constraints=contract.constraints) -%}
    {#- Of two processes that find none, one creates it. -#}
    {{ lock_table('run_ledger') }}
    create table if not exists {{ rebuild_table('run_ledger') }} ({{ definitions | join(', ') }})
{% endmacro %}

{#- Statement that adds a row for each of these models that has none in this run. -#}
{% macro add_to_ledger_in_transaction(models) %}
    insert into {{ rebuild_table('run_ledger') }}
        (invocation_id, model, started_at, reason, outcome)
    select
        '{{ invocation_id }}' as invocation_id,
        models.model,
        cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as {{ dbt.type_timestamp() }})
            as started_at,
        '{{ ledger_reason() }}' as reason,
        'started' as outcome
    from (
        {%- for name in models %}
        select {{ text_value(name) }} as model {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as models
    where models.model not in (
        select known.model from {{ rebuild_table('run_ledger') }} as known
        where known.invocation_id = '{{ invocation_id }}'
    );
{% endmacro %}

{#- Why this run rebuilds, decided once, before its models change what it is decided by. -#}
{% macro ledger_reason() %}
    {%- set key = key_in_run('ledger_reason') -%}
    {%- if key not in graph -%}
        {%- set mode, interval = rebuild_mode(), rebuild_interval() -%}
        {%- set lists_days = 'model.' ~ project_name ~ '.rebuild_days' in selected_resources -%}
        {%- set owner = none if lists_days else owner_of_committed_days() -%}
        {%- if owner -%}
            {%- set mode = reason_unfinished(owner) -%}
        {%- elif interval -%}
            {%- set mode = 'interval ' ~ interval.start ~ ' to ' ~ interval.end -%}
        {%- elif mode != 'first build' and not lists_days -%}
            {%- set mode = 'unfinished' -%}
        {%- endif -%}
        {%- do graph.update({key: mode}) -%}
    {%- endif -%}
    {{ return(graph[key]) }}
{% endmacro %}

{#- Reason of a run that lists no days itself and rebuilds what hangs on those that another run
    committed in fct_sessions. -#}
{% macro reason_unfinished(owner) %}
    {{ return('unfinished of ' ~ owner) }}
{% endmacro %}

{#- The invocation that has all unfinished days, if it has committed them in fct_sessions and what
    this run's models hang on was rebuilt since then. Whoever sees it rebuilds after that, and from
    that: finish_days relies on it. -#}
{% macro owner_of_committed_days() %}
    {%- for table in ['rebuild_days', 'rebuild_scope', 'fct_sessions', 'run_ledger']
        if load_relation(rebuild_table(table)) is none -%}
        {{ return(none) }}
    {%- endfor -%}
    {%- set owners = owners_of_unfinished() -%}
    {%- if owners | length != 1 -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set committed = run_query(
        'select 1 from ' ~ rebuild_table('run_ledger') ~ " where model = 'fct_sessions'"
        ~ " and outcome in ('committed', 'success') and invocation_id = '" ~ owners[0] ~ "'"
    ) -%}
    {%- if not committed.rows -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set missing = models_not_rebuilt_since(owners[0]) -%}
    {%- for id in selected_resources if id.startswith('model.') -%}
        {%- for parent in models_behind(id)
            if parent not in selected_resources and graph.nodes[parent].name in missing -%}
            {{ return(none) }}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(owners[0]) }}
{% endmacro %}

{#- Ids of all models that a model hangs on, directly or not. -#}
{% macro models_behind(id) %}
    {%- set found = [] -%}
    {%- for parent in graph.nodes[id].depends_on.nodes if parent.startswith('model.') -%}
        {%- do found.append(parent) -%}
        {%- do found.extend(models_behind(parent)) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
