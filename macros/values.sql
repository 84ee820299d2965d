{#- Expressions and predicates on single raw values; for staging only. -#}

{% macro is_blank(column) %}
    {{ return("nullif(trim(" ~ column ~ "), '') is null") }}
{% endmacro %}

{#- The opposite, said so that a planner expects it of most rows, and so that few need trimming:
    what begins with "!", the character after the blank, or any later one, is not blank. -#}
{% macro is_filled(column) %}
    {{ return(
        '(' ~ binary_order(column) ~ " >= '!' or trim(" ~ column ~ ") != '')"
    ) }}
{% endmacro %}

{% macro fits_int(column) %}
    {{ return(column ~ ' between -2147483648 and 2147483647') }}
{% endmacro %}

{#- So that no sum of any number of them leaves type_money(); null fits, it adds nothing. -#}
{% macro fits_money(column) %}
    {{ return(
        '(' ~ column ~ ' is null or ' ~ column ~ ' between -1000000000000 and 1000000000000)'
    ) }}
{% endmacro %}

{% macro within_valid_days(column) %}
    {{ return(
        '(' ~ column ~ " >= cast('" ~ var('earliest_day') ~ "' as date)"
        ~ ' and ' ~ column ~ ' < ' ~ dbt.dateadd('day', 1, "cast('" ~ var('latest_day') ~ "' as date)") ~ ')'
    ) }}
{% endmacro %}
