{#- What variables and environment variables may be: all of the text matches a pattern, or a kind of
    value. The one definition, with the engines' own in macros/engines/connection_rules.sql: dbt
    reads it here, scripts/configuration.py for the scripts. So this macro calls no other. -#}
{% macro value_rules() %}
    {#- The same on every engine, and never in need of quotes. -#}
    {%- set schema = {
        'pattern': '(?!(?i:pg_|information_schema$))[A-Za-z_][A-Za-z0-9_]{0,62}',
        'allowed': 'a name of letters a-z, digits and _, at most 63 of them, no digit first, and'
            ~ ' not one of the engines\' own (pg_..., information_schema)',
    } -%}
    {%- set database = {
        'pattern': '[A-Za-z0-9_][A-Za-z0-9_-]{0,62}',
        'allowed': 'a name of letters a-z, digits, _ and -, at most 63 of them',
    } -%}
    {%- set column = {
        'pattern': '[A-Za-z_][A-Za-z0-9_]{0,62}',
        'allowed': 'the name of a column: letters a-z, digits and _, at most 63 of them, no digit'
            ~ ' first',
    } -%}
    {%- set day = {'kind': 'day', 'allowed': 'a day that exists, written like 2019-12-31'} -%}
    {{ return({
        'variables': {
            'demo_data': {'kind': 'boolean', 'allowed': 'true or false, without quotes'},
            'raw_schema': schema,
            'raw_database': dict(database, optional=true),
            'loaded_at_column': dict(column, optional=true),
            'top_revenue_users_limit': {
                'kind': 'integer', 'lowest': 1, 'highest': 1000000,
                'allowed': 'a whole number from 1 to 1000000, without quotes',
            },
            'max_rejected_percent': {
                'kind': 'number', 'lowest': 0, 'highest': 100,
                'allowed': 'a number from 0 to 100, without quotes',
            },
            'max_empty_days': {
                'kind': 'integer', 'lowest': 0, 'highest': 1000000,
                'allowed': 'a whole number from 0 to 1000000, without quotes',
            },
            'earliest_day': day,
            'latest_day': day,
        },
        'connection': {'schema': dict(schema, set_by='DBT_SCHEMA')},
    }) }}
{% endmacro %}
