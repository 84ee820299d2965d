{#- A raw row as text: JSON, with the raw names of the columns. -#}
{% macro record_as_json(columns) %}
    {{ return(adapter.dispatch('record_as_json', 'elt_summary')(columns)) }}
{% endmacro %}

{% macro default__record_as_json(columns) %}
    {{ return('cast(json_object(' ~ names_and_values(columns) ~ ') as varchar)') }}
{% endmacro %}

{#- Written as the other engines do: nulls too, and all digits of a time, in UTC. -#}
{% macro spark__record_as_json(columns) %}
    {%- set fields -%}
        named_struct({{ names_and_values(columns) }})
    {%- endset -%}
    {%- set options = [
        "'ignoreNullFields', 'false'",
        "'timeZone', 'UTC'",
        "'timestampFormat', 'yyyy-MM-dd\\'T\\'HH:mm:ss.SSSSSS'",
        "'timestampNTZFormat', 'yyyy-MM-dd\\'T\\'HH:mm:ss.SSSSSS'",
    ] -%}
    {{ return('to_json(' ~ fields ~ ', map(' ~ options | join(', ') ~ '))') }}
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

{#- Times as text, because an object of Redshift takes none. Cut at the length of a text column. -#}
{% macro redshift__record_as_json(columns) %}
    {%- set arguments = [] -%}
    {%- for column in columns -%}
        {%- set value = 'cast(' ~ column ~ ' as varchar)' if column == 'ts' else column -%}
        {%- do arguments.append("'" ~ column ~ "', " ~ value) -%}
    {%- endfor -%}
    {{ return(
        'cast(json_serialize(object(' ~ arguments | join(', ') ~ ')) as ' ~ dbt.type_string() ~ ')'
    ) }}
{% endmacro %}
