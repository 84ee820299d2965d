-- Guards against: a rate that is off by a hundredth because a float stood a hair below the half.
{% set cases = [
    (1, 3, '33.33', '33.333... goes down'),
    (2, 3, '66.67', '66.666... goes up'),
    (1, 800, '0.13', '0.125 is a half: up'),
    (201, 20000, '1.01', '1.005 is a half that no binary float holds: up all the same'),
    (1, 20001, '0.00', 'just below half a hundredth'),
    (0, 7, '0.00', 'nobody paid'),
    (7, 7, '100.00', 'everybody paid'),
    (2000000000, 2000000001, '100.00', 'large counts neither overflow nor lose digits'),
    (0, 0, 'null', 'nobody came: no rate'),
] %}
with

cases as (

    {% for numerator, denominator, expected, why in cases %}

        -- {{ why }}
        select
            {{ numerator }} as numerator,
            {{ denominator }} as denominator,
            cast({{ expected }} as numeric(5, 2)) as expected
        {{ 'union all' if not loop.last }}

    {% endfor %}

),

computed as (

    select
        numerator,
        denominator,
        expected,
        {{ percentage('numerator', 'denominator') }} as rate
    from cases

)

select * from computed
where {{ is_distinct('rate', 'expected') }}
