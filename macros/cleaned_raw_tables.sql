{#- For the reference queries only: the raw tables by their own names, cleaned as by hand. It shares
    nothing with staging on purpose: the two check each other. -#}
{% macro cleaned_raw_tables() -%}
    user_session_channel as (

        select distinct
            raw_row.userid,
            raw_row.sessionid,
            case
                when raw_row.channel is null or trim(raw_row.channel) = '' then '(unknown)'
                when listed.channelname is null then trim(raw_row.channel)
                else listed.channelname
            end as channel
        from {{ raw_table('user_session_channel') }} as raw_row
        left join {{ raw_table('channel') }} as listed
            on upper(trim(raw_row.channel)) = upper(listed.channelname)

    ),

    session_timestamp as (

        select distinct
            sessionid,
            ts
        from {{ raw_table('session_timestamp') }}

    ),

    session_transaction as (

        select * from {{ raw_table('session_transaction') }}

    )
{%- endmacro %}
