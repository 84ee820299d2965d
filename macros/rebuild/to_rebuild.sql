{#- The days that this run rebuilds, read once: every model obeys the same list, whatever another
    run lists meanwhile. -#}
{% macro days_to_rebuild() %}
    {{ return(once_per_run('days_to_rebuild', ref('rebuild_days'),
        'select session_date from ' ~ ref('rebuild_days') ~ ' where not is_finished'
    )) }}
{% endmacro %}

{#- Months in which fct_sessions changed, and months whose grid of channels is not what it should
    be: a channel was listed or is listed no more, the first or last month moved. -#}
{% macro months_to_rebuild() %}
    {%- set grid, mart = ref('month_channel_grid'), this -%}
    {%- set query -%}
        select session_month from {{ ref('rebuild_scope') }} where session_month is not null

        {{ union_distinct() }}

        select grid.session_month
        from {{ grid }} as grid
        left join {{ mart }} as mart
            on grid.session_month = mart.session_month and grid.channel = mart.channel
        where mart.channel is null

        {{ union_distinct() }}

        select mart.session_month
        from {{ mart }} as mart
        left join {{ grid }} as grid
            on grid.session_month = mart.session_month and grid.channel = mart.channel
        where mart.unique_users = 0 and grid.channel is null
    {%- endset -%}
    {{ return(once_per_run('months_to_rebuild', mart, query)) }}
{% endmacro %}

{#- First column of a query, as a list; empty if the relation does not exist yet. -#}
{% macro once_per_run(name, relation, query) %}
    {%- if not execute -%}
        {{ return([]) }}
    {%- endif -%}
    {%- if found_in_run(name) is none -%}
        {%- set values = [] -%}
        {%- if load_relation(relation) is not none -%}
            {%- do values.extend(first_column(query)) -%}
        {%- endif -%}
        {%- do graph.update({key_in_run(name): values}) -%}
    {%- endif -%}
    {{ return(found_in_run(name)) }}
{% endmacro %}

{#- What is kept under that name for this run; none if nothing is. -#}
{% macro found_in_run(name) %}
    {{ return(graph.get(key_in_run(name))) }}
{% endmacro %}

{#- In the graph: the one object that all nodes of a run share. -#}
{% macro key_in_run(name) %}
    {{ return('elt_summary.' ~ name ~ '.' ~ invocation_id) }}
{% endmacro %}
