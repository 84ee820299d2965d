{% macro raw_table(name) %}
    {%- if var('demo_data') -%}
        {{ ref('demo_' ~ name) }}
    {%- else -%}
        {{ source('raw', name) }}
    {%- endif -%}
{% endmacro %}
