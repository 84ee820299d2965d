{#- Days and months without a table that has them, as each engine can count. -#}

{#- Keyword before the expressions of which one is made by these macros. -#}
{% macro with_periods() %}
    {{ return(adapter.dispatch('with_periods', 'elt_summary')()) }}
{% endmacro %}

{% macro default__with_periods() %}
    {{ return('with recursive') }}
{% endmacro %}

{#- Redshift takes no recursion in a subquery, and dbt makes subqueries of models. -#}
{% macro redshift__with_periods() %}
    {{ return('with') }}
{% endmacro %}

{#- Query, one column session_date: the days of an interval. `cte` is the name of the expression
    whose query this is. -#}
{% macro days_of_interval(cte, interval) %}
    {{ return(adapter.dispatch('days_of_interval', 'elt_summary')(cte, interval)) }}
{% endmacro %}

{% macro default__days_of_interval(cte, interval) -%}
        select {{ date_literal(interval.start) }} as session_date

        union all

        select cast({{ dbt.dateadd('day', 1, 'session_date') }} as date) as session_date
        from {{ cte }}
        where session_date < {{ date_literal(interval.end - modules.datetime.timedelta(days=1)) }}
{%- endmacro %}

{% macro redshift__days_of_interval(cte, interval) -%}
        select cast({{ dbt.dateadd(
            'day', 'cast(numbers.generated_number as integer) - 1', date_literal(interval.start)
        ) }} as date) as session_date
        from ({{ dbt.generate_series((interval.end - interval.start).days) }}) as numbers
{%- endmacro %}

{#- Query, one column session_month: the months from the first_month of a relation to its
    last_month; none where they are null. -#}
{% macro months_of_range(cte, relation) %}
    {{ return(adapter.dispatch('months_of_range', 'elt_summary')(cte, relation)) }}
{% endmacro %}

{% macro default__months_of_range(cte, relation) -%}
    select first_month as session_month
    from {{ relation }}
    where first_month is not null

    union all

    select cast({{ dbt.dateadd('month', 1, cte ~ '.session_month') }} as date) as session_month
    from {{ cte }}
    inner join {{ relation }}
        on {{ cte }}.session_month < {{ relation }}.last_month
{%- endmacro %}

{#- Of as many months as sessions can lie in. -#}
{% macro redshift__months_of_range(cte, relation) -%}
    {%- set first, last = var('earliest_day') | string, var('latest_day') | string -%}
    {%- set months = 12 * (last[:4] | int - first[:4] | int + 1) -%}
    {%- set month = 'cast(' ~ dbt.dateadd(
        'month', 'cast(numbers.generated_number as integer) - 1', relation ~ '.first_month'
    ) ~ ' as date)' -%}
    select {{ month }} as session_month
    from {{ relation }}
    cross join ({{ dbt.generate_series(months) }}) as numbers
    where {{ month }} <= {{ relation }}.last_month
{%- endmacro %}

{#- Spark runs a job for each step of a recursion, and ends with an error after a hundred. -#}
{% macro spark__with_periods() %}
    {{ return('with') }}
{% endmacro %}

{% macro spark__days_of_interval(cte, interval) -%}
        select explode(sequence(
            {{ date_literal(interval.start) }},
            {{ date_literal(interval.end - modules.datetime.timedelta(days=1)) }}
        )) as session_date
{%- endmacro %}

{% macro spark__months_of_range(cte, relation) -%}
    select explode(sequence(first_month, last_month, interval 1 month)) as session_month
    from {{ relation }}
    where first_month is not null
{%- endmacro %}
