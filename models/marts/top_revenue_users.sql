-- Grain: one row per rank, 1 to the variable top_revenue_users_limit.
-- Highest gross revenue first; ties go to the lower user_id.
{{ config(unique_key='revenue_rank', meta={'rebuild_by': 'revenue_rank'}) }}

with

ranked_users as (

    select
        user_id,
        gross_revenue,
        net_revenue,
        row_number() over (order by gross_revenue desc, user_id asc) as revenue_rank
    from {{ ref('user_revenue') }}

),

final as (

    select
        cast(revenue_rank as {{ dbt.type_int() }}) as revenue_rank,
        user_id,
        gross_revenue,
        net_revenue
    from ranked_users
    where revenue_rank <= {{ var('top_revenue_users_limit') }}

    {% if is_incremental() %}

        -- Only ranks that are not there already: a run that changes nothing writes nothing.
        except

        select
            revenue_rank,
            user_id,
            gross_revenue,
            net_revenue
        from {{ this }}

    {% endif %}

)

select * from final
