{#- Query for the sessions as the raw tables have them now: all, or those with a time that meets the
    predicate. It is given to the query, not put around it: whether a session has one time can only
    be told from all its raw rows, also those of other days, which are looked up by their key. -#}
{% macro sessions_from_raw(due=none, is_unique=false, among='true') %}
    {#- Given anew each time: PostgreSQL would put a CTE that is read twice aside, and then guess
        how many rows it has. #}
    {%- set due_only = 'session_id in (select session_id from ' ~ ref('stg_session_timestamp')
        ~ ' where is_usable and ' ~ due ~ ')' if due else 'true' -%}
    with

    users as (

        select * from {{ ref('stg_user_session_channel') }}
        where is_usable and {{ among }} and {{ 'true' if is_unique else due_only }}

    ),

    times as (

        select * from {{ ref('stg_session_timestamp') }}
        where is_usable and {{ among }} and {{ due or 'true' if is_unique else due_only }}

    ),

    {%- if is_unique %}

    -- The raw tables have each session once: nothing to become one, nothing to contradict.
    sessions as (

        select
            times.session_id,
            users.user_id,
            users.channel,
            times.started_at
        from times
        inner join users
            on times.session_id = users.session_id

    ),

    {%- else %}

    -- Rows that say the same become one row here; a session whose rows contradict each other is none.
    sessions as (

        select
            times.session_id,
            min(users.user_id) as user_id,
            min({{ binary_order('users.channel') }}) as channel,
            min(times.started_at) as started_at
        from times
        inner join users
            on times.session_id = users.session_id
        group by times.session_id
        having
            -- Equal, said as planners expect it of a third of the groups and not of one in 200.
            min(users.user_id) >= max(users.user_id)
            and min(lower(users.channel)) >= max(lower(users.channel))
            and min(times.started_at) >= max(times.started_at)

    ),

    {%- endif %}

    session_transactions as (

        {{ transactions_from_raw(among ~ ' and ' ~ due_only) }}

    ),

    summed as (

        select
            sessions.session_id,
            sessions.user_id,
            coalesce(channels.channel, sessions.channel) as channel,
            sessions.started_at,
            cast(sessions.started_at as date) as session_date,
            coalesce(totals.transaction_count, 0) as transaction_count,
            cast(coalesce(totals.gross_revenue, 0) as {{ type_money() }}) as gross_revenue,
            cast(coalesce(totals.net_revenue, 0) as {{ type_money() }}) as net_revenue,
            coalesce(totals.is_paid, false) as is_paid,
            coalesce(totals.refunded_transaction_count, 0) as refunded_transaction_count,
            channels.channel is not null as is_listed_channel
        from sessions
        left join {{ ref('int_channels') }} as channels
            on lower(sessions.channel) = channels.channel_key
        left join session_transactions as totals
            on sessions.session_id = totals.session_id

    ),

    final as (

        select
            *,
            {{ session_hash() }} as row_hash
        from summed

    )

    select * from final
{% endmacro %}

{#- Query for the transactions as the raw tables have them now, summed to one row per session before
    any join, so that nothing fans out. -#}
{% macro transactions_from_raw(predicate='true') %}
    select
        session_id,
        cast(count(*) as {{ dbt.type_int() }}) as transaction_count,
        cast(sum(case when is_refunded then 1 else 0 end) as {{ dbt.type_int() }})
            as refunded_transaction_count,
        cast(coalesce(sum(amount), 0) as {{ type_money() }}) as gross_revenue,
        cast(coalesce(sum(case when not is_refunded then amount end), 0) as {{ type_money() }})
            as net_revenue,
        max(case when amount >= 0 then 1 else 0 end) = 1 as is_paid
    from {{ ref('stg_session_transaction') }}
    where is_usable and {{ predicate }}
    group by session_id
{% endmacro %}
