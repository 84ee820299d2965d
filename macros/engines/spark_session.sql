{#- What every statement of this project on Spark relies on, whatever the cluster or profile says:
    days and months are UTC; a bad cast, a division by zero or a number that does not fit is an
    error, not null (dbt-spark turns that off whenever it connects); an overwrite replaces those
    partitions alone that get rows; and a metastore that cannot look for partitions by a date (Derby)
    gives all of them, not an error. dbt connects anew for each node: so each node says it. -#}
{% macro spark_session() %}
    {%- for setting in [
        'spark.sql.session.timeZone=UTC',
        'spark.sql.ansi.enabled=true',
        'spark.sql.sources.partitionOverwriteMode=dynamic',
        'spark.sql.hive.metastorePartitionPruningFallbackOnException=true',
    ] -%}
        {%- do run_query('set ' ~ setting) -%}
    {%- endfor -%}
{% endmacro %}

{#- A view keeps the settings under which it was made. -#}
{% macro spark__create_view_as(relation, sql) -%}
    {%- do spark_session() -%}
    {{ dbt.spark__create_view_as(relation, sql) }}
{%- endmacro %}

{#- Also of tests. -#}
{% macro spark__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {%- do spark_session() -%}
    {{ dbt.default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) }}
{%- endmacro %}

{#- Seeds are times in UTC, too. -#}
{% macro spark__load_csv_rows(model, agate_table) %}
    {%- do spark_session() -%}
    {{ return(dbt.spark__load_csv_rows(model, agate_table)) }}
{% endmacro %}

{#- Rows of a query by which a failed test is explained. -#}
{% macro rows_of_test(query) %}
    {{ return(adapter.dispatch('rows_of_test', 'elt_summary')(query)) }}
{% endmacro %}

{% macro default__rows_of_test(query) %}
    {{ return(run_query(query)) }}
{% endmacro %}

{% macro spark__rows_of_test(query) %}
    {%- do spark_session() -%}
    {{ return(run_query(query)) }}
{% endmacro %}

{#- dbt-spark's goes through text and seconds; this one gives a date for a date. -#}
{% macro spark__dateadd(datepart, interval, from_date_or_timestamp) %}
    {%- if datepart not in ['day', 'month'] -%}
        {{ return(dbt.spark__dateadd(datepart, interval, from_date_or_timestamp)) }}
    {%- endif -%}
    {{ return(
        {'day': 'date_add', 'month': 'add_months'}[datepart]
        ~ '(' ~ from_date_or_timestamp ~ ', ' ~ interval ~ ')'
    ) }}
{% endmacro %}
