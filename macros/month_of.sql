{#- Through a timestamp: PostgreSQL would take a date through the session's time zone, slowly. -#}
{% macro month_of(date_column) -%}
    {%- set instant = 'cast(' ~ date_column ~ ' as ' ~ dbt.type_timestamp() ~ ')' -%}
    cast({{ dbt.date_trunc('month', instant) }} as date)
{%- endmacro %}
