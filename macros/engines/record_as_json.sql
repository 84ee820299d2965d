{#- A raw row as text: JSON, with the raw names of the columns. -#}
{% macro record_as_json(columns) %}
    {{ return(adapter.dispatch('record_as_json', 'elt_summary')(columns)) }}
{% endmacro %}

{% macro default__record_as_json(columns) %}
    {{ return('cast(json_object(' ~ names_and_values(columns) ~ ') as varchar)') }}
{% endmacro %}

{% macro postgres__record_as_json(columns) %}
    {{ return('cast(json_build_object(' ~ names_and_values(columns) ~ ') as text)') }}
{% endmacro %}

{#- Arguments for the above: each name as text, then its value. -#}
{% macro names_and_values(columns) %}
    {%- set arguments = [] -%}
    {%- for column in columns -%}
        {%- do arguments.append("'" ~ column ~ "', " ~ column) -%}
    {%- endfor -%}
    {{ return(arguments | join(', ')) }}
{% endmacro %}
