{#- What the engine's part of the connection may be, by key of the target in profiles.yml; see
    value_rules. -#}
{% macro connection_rules() %}
    {{ return(adapter.dispatch('connection_rules', 'elt_summary')()) }}
{% endmacro %}

{% macro default__connection_rules() %}
    {{ return({}) }}
{% endmacro %}

{#- dbt does not tell macros user and authentication: those are no environment variables. -#}
{% macro spark__connection_rules() %}
    {%- set name = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}' -%}
    {%- set ipv6 = '(?=.*:.*:)[0-9A-Fa-f:.]{2,45}' -%}
    {{ return({
        'host': {
            'set_by': 'DBT_SPARK_HOST',
            'pattern': name ~ '|' ~ ipv6,
            'allowed': 'a host name or an IP address; the port has a variable of its own',
        },
        'port': {
            'set_by': 'DBT_SPARK_PORT', 'kind': 'integer', 'lowest': 1, 'highest': 65535,
            'allowed': 'a whole number from 1 to 65535',
        },
    }) }}
{% endmacro %}

{#- The file's name needs an ending: so a folder is told from a file before DuckDB opens it. Of the
    rest, what URLs, quotes and SQL are made of is left out. -#}
{% macro duckdb__connection_rules() %}
    {%- set part = '[\\w .@%+,=()-]*' -%}
    {{ return({
        'path': {
            'set_by': 'DBT_DUCKDB_PATH',
            'pattern': '(?=.{1,1000}$)(~?/)?(' ~ part ~ '/+)*' ~ part ~ '\\w' ~ part ~ '[.]\\w+',
            'allowed': 'the path of a file with an ending, like data/warehouse.duckdb: letters,'
                ~ ' digits, blanks and _.-/@%+,=() only; no URL, no folder',
        },
    }) }}
{% endmacro %}

{% macro postgres__connection_rules() %}
    {%- set name = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}' -%}
    {%- set ipv6 = '(?=.*:.*:)[0-9A-Fa-f:.]{2,45}' -%}
    {%- set socket = '/[\\w ./@%+,=-]{0,106}' -%}
    {{ return({
        'host': {
            'set_by': 'DBT_POSTGRES_HOST',
            'pattern': name ~ '|' ~ ipv6 ~ '|' ~ socket,
            'allowed': 'a host name, an IP address or the folder of a socket; port, user and'
                ~ ' password have variables of their own',
        },
        'port': {
            'set_by': 'DBT_POSTGRES_PORT', 'kind': 'integer', 'lowest': 1, 'highest': 65535,
            'allowed': 'a whole number from 1 to 65535',
        },
        'user': {
            'set_by': 'DBT_POSTGRES_USER',
            'pattern': '[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,62}',
            'allowed': 'a name of letters a-z, digits and _.@+-, at most 63 of them',
        },
        'database': {
            'set_by': 'DBT_POSTGRES_DATABASE',
            'pattern': '[A-Za-z0-9_][A-Za-z0-9_-]{0,62}',
            'allowed': 'a name of letters a-z, digits, _ and -, at most 63 of them',
        },
    }) }}
{% endmacro %}

{% macro redshift__connection_rules() %}
    {{ return({
        'host': {
            'set_by': 'DBT_REDSHIFT_HOST',
            'pattern': '[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}',
            'allowed': 'a host name or an IP address; port, user and password have variables of'
                ~ ' their own',
        },
        'port': {
            'set_by': 'DBT_REDSHIFT_PORT', 'kind': 'integer', 'lowest': 1, 'highest': 65535,
            'allowed': 'a whole number from 1 to 65535',
        },
        'user': {
            'set_by': 'DBT_REDSHIFT_USER',
            'pattern': '[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,126}',
            'allowed': 'a name of letters a-z, digits and _.@+-, at most 127 of them',
        },
        'database': {
            'set_by': 'DBT_REDSHIFT_DATABASE',
            'pattern': '[A-Za-z0-9_][A-Za-z0-9_-]{0,62}',
            'allowed': 'a name of letters a-z, digits, _ and -, at most 63 of them',
        },
    }) }}
{% endmacro %}
