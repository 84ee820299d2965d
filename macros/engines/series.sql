{#- Members of a recursive query: a day after the other, a month after the other. -#}

{#- Query for the days of an interval, as `session_date`; to stand in a CTE named `listed`. -#}
{% macro days_of_interval(interval) %}
    {{ return(adapter.dispatch('days_of_interval', 'elt_summary')(interval)) }}
{% endmacro %}

{% macro default__days_of_interval(interval) %}
        select {{ date_literal(interval.start) }} as session_date

        union all

        select cast({{ dbt.dateadd('day', 1, 'session_date') }} as date) as session_date
        from listed
        where session_date < {{ date_literal(interval.end - modules.datetime.timedelta(days=1)) }}
{% endmacro %}

{#- Spark runs a job for each step of a recursion, and ends with an error after a hundred. -#}
{% macro spark__days_of_interval(interval) %}
        select explode(sequence(
            {{ date_literal(interval.start) }},
            {{ date_literal(interval.end - modules.datetime.timedelta(days=1)) }}
        )) as session_date
{% endmacro %}

{#- Query for the months from `first_month` to `last_month` of the relation `month_range`, as
    `session_month`; to stand in a CTE named `months`. -#}
{% macro months_of_range() %}
    {{ return(adapter.dispatch('months_of_range', 'elt_summary')()) }}
{% endmacro %}

{% macro default__months_of_range() %}
    select first_month as session_month
    from month_range
    where first_month is not null

    union all

    select cast({{ dbt.dateadd('month', 1, 'months.session_month') }} as date) as session_month
    from months
    inner join month_range
        on months.session_month < month_range.last_month
{% endmacro %}

{% macro spark__months_of_range() %}
    select explode(sequence(first_month, last_month, interval 1 month)) as session_month
    from month_range
    where first_month is not null
{% endmacro %}
