{#- Columns of the raw tables that the models read, with the family of their type. -#}
{% macro raw_columns() %}
    {{ return({
        'user_session_channel': {'userid': 'whole number', 'sessionid': 'text', 'channel': 'text'},
        'session_timestamp': {'sessionid': 'text', 'ts': 'timestamp'},
        'session_transaction': {
            'sessionid': 'text', 'refunded': 'boolean', 'amount': 'whole number',
        },
        'channel': {'channelname': 'text'},
    }) }}
{% endmacro %}

{#- Families of types, by the names that engines give them. Anything else would be cast, and a cast
    can change values: the day of a timestamp with a zone depends on the session's time zone. -#}
{% macro raw_types() %}
    {{ return({
        'whole number': {
            'types': ['smallint', 'integer', 'int', 'bigint'],
            'allowed': 'smallint, integer or bigint',
        },
        'text': {
            'types': ['character varying', 'varchar', 'character', 'char', 'text', 'string'],
            'allowed': 'varchar, text or char',
        },
        'timestamp': {
            'types': [
                'timestamp without time zone', 'timestamp', 'timestamp_s', 'timestamp_ms',
                'timestamp_ns', 'timestamp_ntz',
            ],
            'allowed': 'timestamp (UTC, without zone)',
        },
        'boolean': {'types': ['boolean'], 'allowed': 'boolean'},
    }) }}
{% endmacro %}

{% macro check_raw_tables() %}
    {%- set schema, loaded_at = var('raw_schema'), var('loaded_at_column') -%}
    {%- set problems = [] -%}
    {%- for table, columns in raw_columns().items() -%}
        {%- set relation = adapter.get_relation(
            var('raw_database') or target_database(), schema, table) -%}
        {%- if loaded_at -%}
            {%- do columns.update({loaded_at | lower: 'timestamp'}) -%}
        {%- endif -%}
        {%- if relation is none -%}
            {%- do problems.append('table ' ~ schema ~ '.' ~ table ~ ' does not exist') -%}
        {%- else -%}
            {%- do problems.extend(column_problems(relation, columns)) -%}
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

{#- What is wrong with a raw table, as a list of texts. -#}
{% macro column_problems(relation, columns) %}
    {%- set found, lengths, problems, limit = {}, {}, [], longest_text() -%}
    {%- set table = 'table ' ~ relation.schema ~ '.' ~ relation.identifier -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do found.update({unquoted_name(column.name): type_without_length(column)}) -%}
        {%- do lengths.update({unquoted_name(column.name): column.char_size}) -%}
    {%- endfor -%}
    {%- for column, family in columns.items() -%}
        {%- if column not in found -%}
            {%- do problems.append(table ~ ' has no column ' ~ column) -%}
        {%- elif found[column] not in raw_types()[family].types -%}
            {%- do problems.append(
                'column ' ~ column ~ ' of ' ~ table ~ ' is ' ~ found[column] ~ ', must be '
                ~ raw_types()[family].allowed
            ) -%}
        {%- elif family == 'text' and limit and (lengths[column] or 0) > limit -%}
            {%- do problems.append(
                'column ' ~ column ~ ' of ' ~ table ~ ' holds texts of ' ~ lengths[column]
                ~ ' characters, must be ' ~ limit ~ ' at most: longer ones would be cut'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(problems) }}
{% endmacro %}
