{#- One run at a time, where the engine itself would let two rebuild the same table at once. -#}

{#- Hook at the start of a run, before anything is changed. -#}
{% macro take_run_lock() %}
    {{ return(adapter.dispatch('take_run_lock', 'elt_summary')()) }}
{% endmacro %}

{% macro default__take_run_lock() %}
    {{ return('') }}
{% endmacro %}

{#- Spark's catalog creates a table once: who creates it has the lock. A run that dies leaves it,
    since nobody can know whether it is dead. -#}
{% macro spark__take_run_lock() %}
    {%- if execute and invocation_args_dict.which in ['build', 'run', 'retry', 'clone'] -%}
        {%- if target.threads != 1 -%}
            {{ exceptions.raise_compiler_error(
                "Target " ~ target.name ~ " needs `threads: 1` in profiles.yml, and no --threads:"
                ~ " each statement runs on the whole cluster. Nothing was changed."
            ) }}
        {%- endif -%}
        {%- do spark_session() -%}
        {%- do spark_lock() -%}
        {%- do spark_mend() -%}
    {%- endif -%}
{% endmacro %}

{% macro spark_lock() %}
    {%- do spark_check_not_locked() -%}
    {#- Of two that come this far at once, one gets the error that the table exists. -#}
    {%- do run_query(
        'create table ' ~ rebuild_table('run_lock') ~ ' (nothing int) using parquet'
        ~ " comment 'dbt invocation " ~ invocation_id ~ ', begun '
        ~ run_started_at.strftime('%Y-%m-%d %H:%M:%S') ~ " UTC'"
    ) -%}
    {%- do graph.update({key_in_run('run_lock'): true}) -%}
{% endmacro %}

{% macro spark_check_not_locked() %}
    {%- set holder = spark_lock_holder() -%}
    {%- if holder is not none -%}
        {{ exceptions.raise_compiler_error(
            "Another run has schema " ~ target.schema ~ ": " ~ holder ~ ". Two at once would spoil"
            ~ " the tables, so this one stops. If that run is still going on, wait for it. If it"
            ~ " died (killed, Ctrl-C, server lost), take its lock away and run again, which goes on"
            ~ " where it stopped: dbt run-operation remove_run_lock --target " ~ target.name
            ~ ". Nothing was changed."
        ) }}
    {%- endif -%}
{% endmacro %}

{#- Who has the lock, as a text; none if nobody has. -#}
{% macro spark_lock_holder() %}
    {%- set lock = rebuild_table('run_lock') -%}
    {%- if not run_query(
        "show tables in " ~ target.schema ~ " like 'run_lock'"
    ).rows -%}
        {{ return(none) }}
    {%- endif -%}
    {%- for row in run_query('describe extended ' ~ lock).rows if row[0] == 'Comment' -%}
        {{ return(row[1]) }}
    {%- endfor -%}
    {{ return('an unknown run') }}
{% endmacro %}

{#- Hook at the end of a run, the last one. -#}
{% macro release_run_lock() %}
    {{ return(adapter.dispatch('release_run_lock', 'elt_summary')()) }}
{% endmacro %}

{% macro default__release_run_lock() %}
    {{ return('') }}
{% endmacro %}

{% macro spark__release_run_lock() %}
    {%- if execute and found_in_run('run_lock') -%}
        {{ return('drop table if exists ' ~ rebuild_table('run_lock')) }}
    {%- endif -%}
{% endmacro %}

{#- For dbt run-operation, after a run that died. -#}
{% macro remove_run_lock() %}
    {{ return(adapter.dispatch('remove_run_lock', 'elt_summary')()) }}
{% endmacro %}

{% macro default__remove_run_lock() %}
    {%- do log('Target ' ~ target.name ~ ' has no lock that stays.', info=true) -%}
{% endmacro %}

{% macro spark__remove_run_lock() %}
    {%- set holder = spark_lock_holder() -%}
    {%- if holder is none -%}
        {%- do log('Schema ' ~ target.schema ~ ' is not locked.', info=true) -%}
    {%- else -%}
        {%- do run_query('drop table if exists ' ~ rebuild_table('run_lock')) -%}
        {%- do log('The lock of ' ~ holder ~ ' is removed. Run dbt build.', info=true) -%}
    {%- endif -%}
{% endmacro %}

{#- Copying what readers query takes a transaction. -#}
{% macro check_engine_can_publish() %}
    {{ return(adapter.dispatch('check_engine_can_publish', 'elt_summary')()) }}
{% endmacro %}

{% macro default__check_engine_can_publish() %}
{% endmacro %}

{% macro spark__check_engine_can_publish() %}
    {{ exceptions.raise_compiler_error(
        "Spark has no transactions, so readers could see half of what is published. Let them read"
        ~ " schema " ~ target.schema ~ " itself. Nothing was published."
    ) }}
{% endmacro %}
