{#- Counts in, hundredths of a percent in whole numbers, one division by 100 last: exact on every
    engine, also where "/" on decimals goes through a float. -#}
{% macro percentage(numerator, denominator) -%}
    {%- set doubled = 'cast(2 as bigint) * ' ~ denominator -%}
    {%- set rounded_up = 'cast(20000 as bigint) * ' ~ numerator ~ ' + ' ~ denominator -%}
    cast(
        case
            when {{ denominator }} > 0 then
                cast(
                    ({{ rounded_up }} - mod({{ rounded_up }}, {{ doubled }})) / ({{ doubled }})
                    as numeric(18, 2)
                ) / 100
        end as numeric(5, 2)
    )
{%- endmacro %}
