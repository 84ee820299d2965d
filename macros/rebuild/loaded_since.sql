{#- Time through which finished runs have read what was loaded; none before the first of them. -#}
{% macro loaded_through() %}
    {{ return((once_per_run('loaded_through', rebuild_table('rebuild_loads'),
        'select max(loaded_through) from ' ~ rebuild_table('rebuild_loads') ~ ' where is_finished'
    ) + [none])[0]) }}
{% endmacro %}

{#- Queries for the sessions and the channels with a row loaded since then. A row without a load
    time counts as just loaded. -#}
{% macro loaded_since() %}
    {%- set new = "(loaded_at is null or loaded_at >= cast('" ~ loaded_through()
        ~ "' as " ~ dbt.type_timestamp() ~ '))' -%}
    {%- set sessions -%}
        select session_id from {{ ref('stg_user_session_channel') }} where {{ new }}
        {{ union_distinct() }}
        select session_id from {{ ref('stg_session_timestamp') }} where {{ new }}
        {{ union_distinct() }}
        select session_id from {{ ref('stg_session_transaction') }} where {{ new }}
    {%- endset -%}
    {%- set channels -%}
        select channel_key from {{ ref('int_channels') }} where {{ new }}
    {%- endset -%}
    {{ return({'sessions': sessions, 'channels': channels}) }}
{% endmacro %}
