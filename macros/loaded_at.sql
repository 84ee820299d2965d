{#- For staging only. -#}
{% macro loaded_at() -%}
    cast({{ var('loaded_at_column') or 'null' }} as {{ dbt.type_timestamp() }})
{%- endmacro %}
