{#- fct_sessions records the user and month of every row that it deletes or inserts, in the
    transaction that changes it: so nobody who had or has a session there is forgotten, whatever
    happens to the raw tables or to this run in between. -#}
{% macro record_rebuild_scope(relation, predicate='true') %}
    {{ record_touched(relation, 'user_id', 'user_id', predicate) }};
    {{ record_touched(relation, 'session_month', month_of('session_date'), predicate) }}
{% endmacro %}

{#- Statement that records every user, or every month, of a relation: `expression` says which of its
    rows. -#}
{% macro record_touched(relation, column, expression, predicate='true') %}
    insert into {{ ref('rebuild_scope') }} ({{ column }}, invocation_id)
    select distinct
        {{ expression }} as {{ column }},
        '{{ invocation_id }}' as invocation_id
    from {{ relation }}
    where {{ predicate }}
{% endmacro %}

{#- Hook of fct_sessions, before it changes: what an earlier run left unfinished is this run's now,
    to finish or to leave in its turn. -#}
{% macro claim_rebuild_in_transaction() %}
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

{#- Hooks of fct_sessions, before and after it is built whole though marts behind it exist: because
    of --full-refresh, or because it was dropped. All that stands in those marts is recorded, and all
    that stands in fct_sessions afterwards. -#}
{% macro record_whole_build_before_in_transaction() %}
    {%- set statements = [] -%}
    {%- if execute and builds_sessions_whole() -%}
        {%- for mart in existing_marts_behind() -%}
            {%- set column = mart.rebuild_by -%}
            {%- do statements.append(record_touched(mart.relation, column, column)) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(statements | join(';')) }}
{% endmacro %}

{% macro record_whole_build_after_in_transaction(relation) %}
    {%- if execute and builds_sessions_whole() and existing_marts_behind() -%}
        {{ record_rebuild_scope(relation) }}
    {%- endif -%}
{% endmacro %}

{#- Decided once per run, before fct_sessions changes. -#}
{% macro builds_sessions_whole() %}
    {%- set key = key_in_run('builds_sessions_whole') -%}
    {%- if key not in graph -%}
        {%- do graph.update({key: not is_incremental()}) -%}
    {%- endif -%}
    {{ return(graph[key]) }}
{% endmacro %}

{% macro existing_marts_behind() %}
    {%- set marts = [] -%}
    {%- for node in graph.nodes.values()
        if node.config.meta.rebuild_by in ['user_id', 'session_month'] -%}
        {%- set rebuild_by = node.config.meta.rebuild_by -%}
        {%- set relation = load_relation(rebuild_table(node.name)) -%}
        {%- if relation is not none -%}
            {%- do marts.append({'relation': relation, 'rebuild_by': rebuild_by}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(marts) }}
{% endmacro %}
