{#- The tables that remember what runs did, on Spark: small ones, so that a change writes them
    anew. -#}

{#- Users and months of the rows of a relation, before fct_sessions changes. -#}
{% macro spark_record_scope(relation, predicate) %}
    {%- do run_query(record_touched(relation, 'user_id', 'user_id', predicate)) -%}
    {%- do run_query(
        record_touched(relation, 'session_month', month_of('session_date'), predicate)
    ) -%}
{% endmacro %}

{% macro spark__claim_rebuild() %}
    {%- if execute -%}
        {%- set days = load_relation(ref('rebuild_days')) -%}
        {%- set is_ours = "not is_finished and " ~ due_days('session_date')
            ~ " and invocation_id != '" ~ invocation_id ~ "'" -%}
        {%- if days is not none and spark_has_rows(days, is_ours) -%}
            {%- set claimed -%}
                select
                    session_date,
                    reason,
                    case when {{ is_ours }} then '{{ invocation_id }}' else invocation_id end
                        as invocation_id,
                    is_finished
                from {{ days }}
            {%- endset -%}
            {%- do spark_replace_rows(days, claimed) -%}
        {%- endif -%}
        {%- set scope = load_relation(ref('rebuild_scope')) -%}
        {%- if spark_has_rows(scope, "invocation_id != '" ~ invocation_id ~ "'") -%}
            {%- set claimed -%}
                select distinct user_id, session_month, '{{ invocation_id }}' as invocation_id
                from {{ scope }}
            {%- endset -%}
            {%- do spark_replace_rows(scope, claimed) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- Days whose partition is about to be written though they are not due. Until the run's end they
    are listed as days that it has not finished. -#}
{% macro spark_list_days(days) %}
    {%- set listed = load_relation(rebuild_table('rebuild_days')) -%}
    {%- set rows -%}
        select * from {{ listed }} where not {{ in_days('session_date', days) }}
        {%- for day in days %}
        union all
        select {{ date_literal(day) }}, 'unfinished', '{{ invocation_id }}', false
        {%- endfor %}
    {%- endset -%}
    {%- do spark_replace_rows(listed, rows) -%}
{% endmacro %}

{% macro spark__record_whole_build_before() %}
    {%- if execute and builds_sessions_whole() -%}
        {%- for mart in existing_marts_behind() -%}
            {%- do run_query(record_touched(mart.relation, mart.rebuild_by, mart.rebuild_by)) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{#- Was recorded before: spark_build_whole. -#}
{% macro spark__record_whole_build_after() %}
{% endmacro %}

{#- Each of the three may be the last thing that a run does: what is left is done again. -#}
{% macro spark__finish_run_sql(run) %}
    {%- set is_of_run = "invocation_id = '" ~ run ~ "'" -%}
    {%- for name in ['rebuild_days', 'rebuild_loads'] -%}
        {%- set table = load_relation(rebuild_table(name)) -%}
        {%- if table is not none and spark_has_rows(table, is_of_run ~ ' and not is_finished') -%}
            {%- set columns = [] -%}
            {%- for column in adapter.get_columns_in_relation(table) -%}
                {%- do columns.append(
                    '(is_finished or ' ~ is_of_run ~ ') as is_finished'
                    if column.name == 'is_finished' else column.name
                ) -%}
            {%- endfor -%}
            {%- set rows = 'select ' ~ columns | join(', ') ~ ' from ' ~ table -%}
            {%- do spark_replace_rows(table, rows) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set scope = load_relation(rebuild_table('rebuild_scope')) -%}
    {%- if scope is not none and spark_has_rows(scope, is_of_run) -%}
        {%- do spark_replace_rows(scope, 'select * from ' ~ scope ~ ' where not ' ~ is_of_run) -%}
    {%- endif -%}
    select 1
{% endmacro %}

{% macro spark_has_rows(relation, predicate) %}
    {%- set query = 'select 1 from ' ~ relation ~ ' where ' ~ predicate ~ ' limit 1' -%}
    {{ return(run_query(query).rows | length > 0) }}
{% endmacro %}

{#- The ledger: a partition for each run, which that run alone writes. So it knows what stands
    there, and writes all of it anew. -#}
{% macro spark__create_ledger() %}
    {%- set contract = graph.nodes['model.' ~ project_name ~ '.run_ledger'] -%}
    {%- set columns = [] -%}
    {%- for column in contract.columns.values() -%}
        {%- do columns.append(column.name ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
    create table if not exists {{ rebuild_table('run_ledger') }} ({{ columns | join(', ') }})
    using parquet
    partitioned by (invocation_id)
{% endmacro %}

{#- This run's rows, by model: dicts of column to SQL literal. -#}
{% macro spark_ledger() %}
    {%- set key = key_in_run('ledger') -%}
    {%- if key not in graph -%}
        {%- do graph.update({key: {}}) -%}
    {%- endif -%}
    {{ return(graph[key]) }}
{% endmacro %}

{#- Statement that writes them, as one file. -#}
{% macro spark_write_ledger() %}
    {%- set contract = graph.nodes['model.' ~ project_name ~ '.run_ledger'] -%}
    {%- set columns = contract.columns.values()
        | rejectattr('name', 'in', ['invocation_id', 'model']) | list -%}
    insert overwrite table {{ rebuild_table('run_ledger') }}
    partition (invocation_id = '{{ invocation_id }}')
    select /*+ coalesce(1) */
        model
        {%- for column in columns %},
        cast({{ column.name }} as {{ column.data_type }})
        {%- endfor %}
    from values
    {%- for name, row in spark_ledger().items() %}
        ('{{ name }}'
        {%- for column in columns %}, {{ row.get(column.name, 'null') }}{%- endfor %})
        {{- ',' if not loop.last }}
    {%- endfor %}
        as ledger (model {%- for column in columns %}, {{ column.name }}{%- endfor %})
{% endmacro %}

{% macro spark_start_in_ledger(models) %}
    {%- for name in models if name not in spark_ledger() -%}
        {%- do spark_ledger().update({name: {
            'started_at': "'" ~ run_started_at.strftime('%Y-%m-%d %H:%M:%S.%f') ~ "'",
            'reason': "'" ~ ledger_reason() ~ "'",
            'outcome': "'started'",
        }}) -%}
    {%- endfor -%}
{% endmacro %}

{% macro spark__add_to_ledger(models) %}
    {%- do spark_session() -%}
    {%- do spark_start_in_ledger(models) -%}
    {{ spark_write_ledger() }}
{% endmacro %}

{% macro spark__record_outcomes(ended) %}
    {%- do spark_session() -%}
    {%- do spark_start_in_ledger(ended) -%}
    {#- A `dbt retry` in the process of another run was told that run's models. -#}
    {%- for name in spark_ledger() | list if name not in ended -%}
        {%- do spark_ledger().pop(name) -%}
    {%- endfor -%}
    {%- for name, result in ended.items() -%}
        {%- do spark_ledger()[name].update({
            'seconds': '%.3f' | format(result.execution_time),
            'outcome': "'" ~ result.status ~ "'",
        }) -%}
    {%- endfor -%}
    {%- if 'rejected_records' in ended and ended.rejected_records.status == 'success' -%}
        {%- do spark_ledger().rejected_records.update({
            'rows_rejected': first_column('select ' ~ rejected_in_run())[0],
        }) -%}
    {%- endif -%}
    {{ spark_write_ledger() }}
{% endmacro %}

{#- As the hook of every model. Views are not noted: they read `started` until the run has ended.
    -#}
{% macro spark__record_commit(inserted) %}
    {%- if execute and model.config.materialized != 'view' -%}
        {%- do spark_record_commit(none) -%}
    {%- endif -%}
{% endmacro %}

{#- Notes that a model is built, once. -#}
{% macro spark_record_commit(inserted) %}
    {%- do spark_start_in_ledger([model.name]) -%}
    {%- set row = spark_ledger()[model.name] -%}
    {%- if row.outcome == "'started'" -%}
        {%- if model.config.materialized == 'table' or model.config.meta.rebuild_by -%}
            {%- set counted = run_query(
                'select ' ~ rows_in(is_whole=inserted is none) ~ ' as rows_in, '
                ~ rows_written(inserted) ~ ' as rows_written'
            ).rows[0] -%}
            {%- for name in ['rows_in', 'rows_written'] -%}
                {%- do row.update({name: 'null' if counted[name] is none else counted[name]}) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- do row.update({'outcome': "'committed'"}) -%}
        {%- do run_query(spark_write_ledger()) -%}
    {%- endif -%}
{% endmacro %}
