{#- SQL expression: a text that is a column of a subquery. -#}
{% macro text_value(text) %}
    {{ return(adapter.dispatch('text_value', 'elt_summary')(text)) }}
{% endmacro %}

{% macro default__text_value(text) %}
    {{ return("'" ~ text ~ "'") }}
{% endmacro %}

{#- Redshift gives it no type until it is used, and then finds no conversion from "unknown". -#}
{% macro redshift__text_value(text) %}
    {{ return("cast('" ~ text ~ "' as " ~ dbt.type_string() ~ ')') }}
{% endmacro %}
