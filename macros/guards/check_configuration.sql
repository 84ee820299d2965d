{% macro check_configuration() %}
    {%- if execute -%}
        {%- do check_values() -%}
        {%- do check_flags() -%}
        {%- do check_schemas_differ() -%}
        {%- do check_loaded_at_column() -%}
        {%- if not var('demo_data') -%}
            {%- do check_raw_tables() -%}
        {%- endif -%}
        {%- do check_contracts() -%}
    {%- endif -%}
{% endmacro %}

{% macro check_flags() %}
    {%- set options = invocation_args_dict -%}
    {%- set interval = rebuild_interval() -%}
    {%- if interval and flags.FULL_REFRESH -%}
        {{ exceptions.raise_compiler_error(
            "--full-refresh rebuilds everything, --event-time-start and --event-time-end only some"
            ~ " days: together they would leave the marts with those days alone. Give one of them."
            ~ " Nothing was changed."
        ) }}
    {%- elif (options.empty or options.sample) and existing_fct_sessions() is not none -%}
        {{ exceptions.raise_compiler_error(
            "--empty and --sample read only a part of the raw tables and would empty the marts that"
            ~ " exist in schema " ~ target.schema ~ ". Use another schema (environment variable"
            ~ " DBT_SCHEMA). Nothing was changed."
        ) }}
    {%- endif -%}
    {%- if interval -%}
        {{ log("Interval: the days from " ~ interval.start ~ " to before " ~ interval.end
            ~ ", UTC (parts of a day count as the whole day)", info=true) }}
    {%- endif -%}
{% endmacro %}

{% macro check_loaded_at_column() %}
    {%- if var('loaded_at_column') and var('demo_data') -%}
        {{ exceptions.raise_compiler_error(
            "The demo data has no load times: set loaded_at_column only with demo_data: false."
        ) }}
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
