{% macro check_configuration() %}
    {%- if execute -%}
        {%- do check_schemas_differ() -%}
        {%- if not var('demo_data') -%}
            {%- do check_raw_tables() -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{% macro check_schemas_differ() %}
    {%- if target.schema | lower == var('raw_schema') | lower -%}
        {{ exceptions.raise_compiler_error(
            "The marts would be written into the schema of the raw tables, '" ~ target.schema
            ~ "'. Give the marts another schema (environment variable DBT_SCHEMA) or say where the"
            ~ " raw tables are (variable raw_schema)."
        ) }}
    {%- endif -%}
{% endmacro %}

{% macro check_raw_tables() %}
    {%- set required = {
        'user_session_channel': ['userid', 'sessionid', 'channel'],
        'session_timestamp': ['sessionid', 'ts'],
        'session_transaction': ['sessionid', 'refunded', 'amount'],
        'channel': ['channelname'],
    } -%}
    {%- set problems = [] -%}
    {%- for table, columns in required.items() -%}
        {%- set name = var('raw_schema') ~ '.' ~ table -%}
        {%- set relation = adapter.get_relation(
            var('raw_database') or target.database, var('raw_schema'), table) -%}
        {%- if relation is none -%}
            {%- do problems.append('table ' ~ name ~ ' does not exist') -%}
        {%- else -%}
            {%- set found = adapter.get_columns_in_relation(relation) | map(attribute='name')
                | map('lower') | list -%}
            {%- for column in columns if column not in found -%}
                {%- do problems.append('table ' ~ name ~ ' has no column ' ~ column) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if problems -%}
        {{ exceptions.raise_compiler_error(
            "The raw tables are not as the models need them: " ~ problems | join('; ')
            ~ ". Load them (make load RAW=folder TARGET=" ~ target.name
            ~ "), say where they are (--vars '{demo_data: false, raw_schema: ...}'), or use the"
            ~ " demo data (demo_data: true). Nothing was changed."
        ) }}
    {%- endif -%}
{% endmacro %}
