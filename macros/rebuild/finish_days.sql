{#- dbt run-operation finish_days
    Marks days finished that were rebuilt by one dbt run per model, as Airflow does with a task per
    model; the hook finish_rebuild only knows of what one run rebuilt. They are finished if
    fct_sessions committed them and every model that hangs on it was rebuilt since then: the ledger
    says by whom. -#}
{% macro finish_days() %}
    {%- do begin_transaction() -%}
    {%- if lock_sessions() | trim -%}
        {%- do run_query(lock_sessions()) -%}
    {%- endif -%}
    {%- set owners = owners_of_unfinished() -%}
    {%- if not owners -%}
        {%- do adapter.commit() -%}
        {{ log("finish_days: no days are left to finish.", info=true) }}
        {{ return('') }}
    {%- endif -%}
    {%- set missing = models_not_rebuilt_since(owners[0]) if owners | length == 1
        else ['fct_sessions'] -%}
    {%- if missing -%}
        {{ exceptions.raise_compiler_error(
            "Days are left unfinished, because these models were not rebuilt since the days were"
            ~ " listed and fct_sessions was: " ~ missing | join(', ') ~ ". Run them, in order, and"
            ~ " this again; or run dbt build, which goes on where others stopped. No day was marked"
            ~ " finished."
        ) }}
    {%- endif -%}
    {%- set days = run_query(
        'select count(*) from ' ~ rebuild_table('rebuild_days') ~ ' where not is_finished'
    ).columns[0].values()[0] -%}
    {%- do run_query(finish_run_sql(owners[0])) -%}
    {%- do adapter.commit() -%}
    {{ log("finish_days: " ~ days ~ " days are finished.", info=true) }}
{% endmacro %}

{#- Invocations whose days, or users and months, are not finished. Other than one: the days were
    listed anew since fct_sessions claimed what was left. -#}
{% macro owners_of_unfinished() %}
    {%- if load_relation(rebuild_table('rebuild_days')) is none
        or load_relation(rebuild_table('rebuild_scope')) is none -%}
        {{ return([]) }}
    {%- endif -%}
    {%- set query -%}
        select invocation_id from {{ rebuild_table('rebuild_days') }} where not is_finished
        {{ union_distinct() }}
        select invocation_id from {{ rebuild_table('rebuild_scope') }}
    {%- endset -%}
    {{ return(run_query(query).columns[0].values() | list) }}
{% endmacro %}

{#- Names of the models without which no day is finished and that no run has rebuilt since
    fct_sessions was, in that invocation. -#}
{% macro models_not_rebuilt_since(sessions_invocation) %}
    {%- set query -%}
        select distinct model from {{ rebuild_table('run_ledger') }}
        where
            outcome = 'success'
            and (
                invocation_id = '{{ sessions_invocation }}'
                or reason = '{{ reason_unfinished(sessions_invocation) }}'
            )
    {%- endset -%}
    {%- set rebuilt = run_query(query).columns[0].values() -%}
    {%- set missing = [] -%}
    {%- for node in models_that_finish_days() if node.name not in rebuilt -%}
        {%- do missing.append(node.name) -%}
    {%- endfor -%}
    {{ return(missing) }}
{% endmacro %}
