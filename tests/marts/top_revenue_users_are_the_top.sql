-- Guards against: a rank left out, a list cut short, a user left out who has more than the last, or
-- one ranked whom user_revenue does not have.
with

expected as (

    select least(count(*), {{ var('top_revenue_users_limit') }}) as user_count
    from {{ ref('user_revenue') }}

),

ranked as (

    select
        count(*) as user_count,
        coalesce(max(revenue_rank), 0) as last_rank,
        min(gross_revenue) as lowest_gross_revenue
    from {{ ref('top_revenue_users') }}

),

left_out as (

    select users.*
    from {{ ref('user_revenue') }} as users
    left join {{ ref('top_revenue_users') }} as top_users
        on users.user_id = top_users.user_id
    where top_users.user_id is null

)

select 'not as many rows or ranks as users to rank' as failure
from expected
cross join ranked
where
    ranked.user_count != expected.user_count
    or ranked.last_rank != expected.user_count

union all

select 'a user with more gross revenue was left out' as failure
from left_out
cross join ranked
where left_out.gross_revenue > ranked.lowest_gross_revenue

union all

select 'a ranked user is not in user_revenue' as failure
from {{ ref('top_revenue_users') }} as top_users
left join {{ ref('user_revenue') }} as users
    on top_users.user_id = users.user_id
where users.user_id is null
