-- Grain: one row per rank, 1 to 10.
{{ config(materialized='table') }}

with

ranked_users as (

    select
        user_id,
        gross_revenue,
        net_revenue,
        row_number() over (order by gross_revenue desc, user_id asc) as revenue_rank
    from {{ ref('user_revenue') }}

)

select
    cast(revenue_rank as integer) as revenue_rank,
    user_id,
    gross_revenue,
    net_revenue
from ranked_users
where revenue_rank <= 10
