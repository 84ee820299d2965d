{#- First column of a query's rows, as a list. -#}
{% macro first_column(query) %}
    {{ return(adapter.dispatch('first_column', 'elt_summary')(query)) }}
{% endmacro %}

{% macro default__first_column(query) %}
    {{ return(run_query(query).columns[0].values()) }}
{% endmacro %}

{#- Spark's driver hands over dates as text. -#}
{% macro spark__first_column(query) %}
    {%- set values = [] -%}
    {%- for value in run_query(query).columns[0].values() -%}
        {%- if value is string and is_day(value) -%}
            {%- set year, month, day = value.split('-') | map('int') -%}
            {%- do values.append(modules.datetime.date(year, month, day)) -%}
        {%- else -%}
            {%- do values.append(value) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(values) }}
{% endmacro %}
