{#- What the rebuild and the ledger write down. Where there are transactions, statements in the one
    that changes the models do it, as the macros .._in_transaction say; where there are none, see
    spark_state.sql. -#}

{% macro claim_rebuild() %}
    {{ return(adapter.dispatch('claim_rebuild', 'elt_summary')()) }}
{% endmacro %}

{% macro default__claim_rebuild() %}
    {{ return(claim_rebuild_in_transaction()) }}
{% endmacro %}

{% macro record_whole_build_before() %}
    {{ return(adapter.dispatch('record_whole_build_before', 'elt_summary')()) }}
{% endmacro %}

{% macro default__record_whole_build_before() %}
    {{ return(record_whole_build_before_in_transaction()) }}
{% endmacro %}

{% macro record_whole_build_after() %}
    {{ return(adapter.dispatch('record_whole_build_after', 'elt_summary')()) }}
{% endmacro %}

{% macro default__record_whole_build_after() %}
    {{ return(record_whole_build_after_in_transaction(this)) }}
{% endmacro %}

{#- Done before, so that no reader waits for it; see build_whole.sql. -#}
{% macro postgres__record_whole_build_after() %}
{% endmacro %}

{#- Needed because dbt looks for PostgreSQL's variant in this project before the default. -#}
{% macro redshift__record_whole_build_after() %}
    {{ return(record_whole_build_after_in_transaction(this)) }}
{% endmacro %}

{% macro finish_run_sql(run) %}
    {{ return(adapter.dispatch('finish_run_sql', 'elt_summary')(run)) }}
{% endmacro %}

{% macro default__finish_run_sql(run) %}
    {{ return(finish_run_sql_in_transaction(run)) }}
{% endmacro %}

{% macro create_ledger() %}
    {{ return(adapter.dispatch('create_ledger', 'elt_summary')()) }}
{% endmacro %}

{% macro default__create_ledger() %}
    {{ return(create_ledger_in_transaction()) }}
{% endmacro %}

{% macro add_to_ledger(models) %}
    {{ return(adapter.dispatch('add_to_ledger', 'elt_summary')(models)) }}
{% endmacro %}

{% macro default__add_to_ledger(models) %}
    {{ return(add_to_ledger_in_transaction(models)) }}
{% endmacro %}

{% macro record_outcomes(ended) %}
    {{ return(adapter.dispatch('record_outcomes', 'elt_summary')(ended)) }}
{% endmacro %}

{% macro default__record_outcomes(ended) %}
    {{ return(record_outcomes_in_transaction(ended)) }}
{% endmacro %}

{% macro record_commit(inserted=none) %}
    {{ return(adapter.dispatch('record_commit', 'elt_summary')(inserted)) }}
{% endmacro %}

{% macro default__record_commit(inserted=none) %}
    {{ return(record_commit_in_transaction(inserted)) }}
{% endmacro %}
