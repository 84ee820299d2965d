{% macro clean_channel(column) -%}
    coalesce(nullif(trim({{ column }}), ''), '(unknown)')
{%- endmacro %}
