{#- For operations: begins the transaction that adapter.commit() ends. -#}
{% macro begin_transaction() %}
    {{ return(adapter.dispatch('begin_transaction', 'elt_summary')()) }}
{% endmacro %}

{#- None on Spark; nobody may be in the middle of a run. -#}
{% macro spark__begin_transaction() %}
    {%- do spark_session() -%}
    {%- do spark_check_not_locked() -%}
{% endmacro %}

{#- dbt begins one with a statement that is not a mere query. -#}
{% macro default__begin_transaction() %}
    {%- call statement('begin_transaction', auto_begin=true) -%}
        select 1
    {%- endcall -%}
{% endmacro %}

{#- dbt leaves that to the driver, which does so only once, and an operation begins with a commit:
    all that follows would be committed statement by statement. -#}
{% macro postgres__begin_transaction() %}
    {%- call statement('begin_transaction', auto_begin=true) -%}
        begin
    {%- endcall -%}
{% endmacro %}

{#- dbt sends the `begin` itself, as often as it is asked. -#}
{% macro redshift__begin_transaction() %}
    {{ return(default__begin_transaction()) }}
{% endmacro %}

{#- For hooks at the end of a run: statements that take effect together or not at all. -#}
{% macro as_one_transaction(statements) %}
    {{ return(adapter.dispatch('as_one_transaction', 'elt_summary')(statements)) }}
{% endmacro %}

{#- What is sent in one piece is one transaction. -#}
{% macro default__as_one_transaction(statements) %}
    {{ return(statements) }}
{% endmacro %}

{#- dbt sends one statement at a time, each committed by itself. -#}
{% macro redshift__as_one_transaction(statements) %}
    {{ return('begin; ' ~ statements ~ '; commit') }}
{% endmacro %}
