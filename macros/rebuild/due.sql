{#- Predicates that say which rows this run rebuilds. Models filter by them what they read, and the
    strategy `rebuild` deletes by the same ones what stood there before. -#}

{#- The model's own predicate for the rows that go, by the column in its meta.rebuild_by. -#}
{% macro due_rows() %}
    {%- set column = model.config.meta.rebuild_by -%}
    {%- set predicates = {
        'session_date': due_days,
        'session_month': due_months,
        'user_id': due_users,
        'revenue_rank': due_ranks,
        'record_key': due_records,
        'everything': rebuild_everything,
    } -%}
    {{ return(predicates[column](column)) }}
{% endmacro %}

{% macro rebuild_everything(column) %}
    {{ return('true') }}
{% endmacro %}

{% macro due_days(column) %}
    {{ return(in_days(column, days_to_rebuild())) }}
{% endmacro %}

{#- For tests: the days of the latest run, finished or not. -#}
{% macro rebuilt_days(column) %}
    {{ return(in_days(column, days_of_latest_run())) }}
{% endmacro %}

{#- For tests of whole marts: an interval run answers for the days that it rebuilt, for their users
    and their months; any other run for everything. -#}
{% macro tested_days(column) %}
    {{ return(rebuilt_days(column) if rebuild_interval() else 'true') }}
{% endmacro %}

{% macro tested_users(column) %}
    {{ return(
        column ~ ' in (select user_id from ' ~ ref('fct_sessions') ~ ' where '
        ~ rebuilt_days('session_date') ~ ')' if rebuild_interval() else 'true'
    ) }}
{% endmacro %}

{% macro tested_months(column) %}
    {%- if not rebuild_interval() -%}
        {{ return('true') }}
    {%- endif -%}
    {%- set months = [] -%}
    {%- for day in days_of_latest_run() -%}
        {%- do months.append(day.replace(day=1)) -%}
    {%- endfor -%}
    {{ return(in_months(column, months | unique | list)) }}
{% endmacro %}

{#- Listed by the latest run, finished or not. -#}
{% macro days_of_latest_run() %}
    {%- set rebuild_days = rebuild_table('rebuild_days') -%}
    {{ return(once_per_run(
        'rebuilt_days', rebuild_days, 'select session_date from ' ~ rebuild_days
    )) }}
{% endmacro %}

{% macro in_days(column, days) %}
    {%- set periods = [] -%}
    {%- for start in days -%}
        {%- do periods.append((start, start + modules.datetime.timedelta(days=1))) -%}
    {%- endfor -%}
    {{ return(in_periods(column, periods)) }}
{% endmacro %}

{% macro due_months(column) %}
    {{ return(in_months(column, months_to_rebuild())) }}
{% endmacro %}

{% macro in_months(column, months) %}
    {%- set periods = [] -%}
    {%- for start in months -%}
        {%- set within_next = start + modules.datetime.timedelta(days=31) -%}
        {%- do periods.append((start, within_next.replace(day=1))) -%}
    {%- endfor -%}
    {{ return(in_periods(column, periods)) }}
{% endmacro %}

{% macro due_users(column) %}
    {{ return(column ~ ' in (select user_id from ' ~ ref('rebuild_scope') ~ ')') }}
{% endmacro %}

{#- Ranks beyond the last user to be ranked. Ranks whose row is new are replaced by their key. -#}
{% macro due_ranks(column) %}
    {%- set limit = var('top_revenue_users_limit') -%}
    {{ return(
        '(' ~ column ~ ' > ' ~ limit
        ~ ' or ' ~ column ~ ' > (select count(*) from ' ~ ref('user_revenue') ~ '))'
    ) }}
{% endmacro %}

{#- Literal bounds, because planners prune by them: neighbouring periods become one range, and few
    ranges are compared one by one, many by a list of days within the range that covers all. -#}
{% macro in_periods(column, periods) %}
    {%- set ranges = [] -%}
    {%- for start, end in periods | sort -%}
        {%- if ranges and ranges[-1][1] >= start -%}
            {%- do ranges.append((ranges.pop()[0], end)) -%}
        {%- else -%}
            {%- do ranges.append((start, end)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if not ranges -%}
        {{ return('false') }}
    {%- elif ranges | length > 32 -%}
        {%- set dates = [] -%}
        {%- for start, end in ranges -%}
            {%- for offset in range((end - start).days) -%}
                {%- do dates.append(
                    date_literal(start + modules.datetime.timedelta(days=offset))
                ) -%}
            {%- endfor -%}
        {%- endfor -%}
        {{ return(
            '(' ~ in_range(column, ranges[0][0], ranges[-1][1])
            ~ ' and cast(' ~ column ~ ' as date) in (' ~ dates | join(', ') ~ '))'
        ) }}
    {%- endif -%}
    {%- set predicates = [] -%}
    {%- for start, end in ranges -%}
        {%- do predicates.append(in_range(column, start, end)) -%}
    {%- endfor -%}
    {{ return('(' ~ predicates | join(' or ') ~ ')') }}
{% endmacro %}

{% macro in_range(column, start, end) %}
    {{ return(
        '(' ~ column ~ ' >= ' ~ date_literal(start)
        ~ ' and ' ~ column ~ ' < ' ~ date_literal(end) ~ ')'
    ) }}
{% endmacro %}

{% macro date_literal(day) %}
    {{ return("cast('" ~ day.isoformat() ~ "' as date)") }}
{% endmacro %}
