-- Grain: one row per rank, 1 to the variable top_revenue_users_limit.
-- Highest gross revenue first; ties go to the lower user_id.
{{ config(unique_key='revenue_rank', meta={'rebuild_by': 'revenue_rank'}) }}

with

top_users as (

    select
        user_id,
        gross_revenue,
        net_revenue
    from {{ ref('user_revenue') }}
    order by gross_revenue desc, user_id asc
    limit {{ var('top_revenue_users_limit') }}

),

final as (

    select
        cast(row_number() over (order by gross_revenue desc, user_id asc) as {{ dbt.type_int() }})
            as revenue_rank,
        user_id,
        gross_revenue,
        net_revenue
    from top_users

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
