-- Guards against: a rate that is off by a hundredth because a float stood a hair below the half.
with

cases as (

    -- 33.333... goes down
    select 1 as numerator, 3 as denominator, 33.33 as expected
    union all
    select 2, 3, 66.67  -- 66.666... goes up
    union all
    select 1, 800, 0.13  -- 0.125 is a half: up
    union all
    select 201, 20000, 1.01  -- 1.005 is a half that no binary float holds: up all the same
    union all
    select 1, 20001, 0.00  -- just below half a hundredth
    union all
    select 0, 7, 0.00  -- nobody paid
    union all
    select 7, 7, 100.00  -- everybody paid
    union all
    select 2000000000, 2000000001, 100.00  -- large counts neither overflow nor lose digits
    union all
    select 0, 0, cast(null as numeric(5, 2))  -- nobody came: no rate

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
