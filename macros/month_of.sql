{#- Through a timestamp: PostgreSQL would take a date through the session's time zone, which is slow. -#}
{% macro month_of(date_column) -%}
    cast({{ dbt.date_trunc('month', 'cast(' ~ date_column ~ ' as ' ~ dbt.type_timestamp() ~ ')') }} as date)
{%- endmacro %}
