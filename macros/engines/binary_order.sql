{% macro binary_order(column) -%}
    {{ return(adapter.dispatch('binary_order', 'elt_summary')(column)) }}
{%- endmacro %}

{% macro default__binary_order(column) -%}
    {{ column }}
{%- endmacro %}

{#- A PostgreSQL database sorts text by its locale unless told otherwise. -#}
{% macro postgres__binary_order(column) -%}
    {{ column }} collate "C"
{%- endmacro %}

{#- Redshift sorts by bytes, and knows no collation "C". -#}
{% macro redshift__binary_order(column) -%}
    {{ column }}
{%- endmacro %}
