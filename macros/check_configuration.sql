{% macro check_configuration() %}
    {%- if execute -%}
        {%- do check_flags() -%}
        {%- do check_schemas_differ() -%}
        {%- do check_loaded_at_column() -%}
        {%- if not var('demo_data') -%}
            {%- do check_raw_tables() -%}
        {%- endif -%}
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
    {%- set column = var('loaded_at_column') -%}
    {%- if column is none -%}
        {{ return('') }}
    {%- elif not modules.re.fullmatch('[A-Za-z_][A-Za-z0-9_]*', column | string) -%}
        {{ exceptions.raise_compiler_error(
            "The variable loaded_at_column must be the name of a column (letters, digits and _), not"
            ~ " '" ~ column ~ "'."
        ) }}
    {%- elif var('demo_data') -%}
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
            {%- if var('loaded_at_column') -%}
                {%- do columns.append(var('loaded_at_column') | lower) -%}
            {%- endif -%}
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
