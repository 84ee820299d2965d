{#- fct_sessions records the user and month of every row that it deletes or inserts, in the
    transaction that changes it: so nobody who had or has a session there is forgotten, whatever
    happens to the raw tables or to this run in between. -#}
{% macro record_rebuild_scope(relation, predicate='true') %}
    insert into {{ ref('rebuild_scope') }} (user_id, session_month, invocation_id)
    select distinct
        user_id,
        {{ month_of('session_date') }} as session_month,
        '{{ invocation_id }}' as invocation_id
    from {{ relation }}
    where {{ predicate }}
{% endmacro %}

{#- Hook of fct_sessions, before it changes: what an earlier run left unfinished is this run's now,
    to finish or to leave in its turn. -#}
{% macro claim_rebuild() %}
    {%- if execute -%}
        {%- if load_relation(ref('rebuild_days')) is not none -%}
            update {{ ref('rebuild_days') }}
            set invocation_id = '{{ invocation_id }}'
            where not is_finished and {{ due_days('session_date') }};
        {%- endif %}
        update {{ ref('rebuild_scope') }}
        set invocation_id = '{{ invocation_id }}'
        where invocation_id != '{{ invocation_id }}'
    {%- endif -%}
{% endmacro %}

{#- Hooks of fct_sessions, before and after a deliberate full refresh replaces it whole. -#}
{% macro record_full_refresh() %}
    {%- if execute and flags.FULL_REFRESH and load_relation(this) is not none -%}
        {{ record_rebuild_scope(this) }}
    {%- endif -%}
{% endmacro %}
