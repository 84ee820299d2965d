-- Monthly channel conversion, as an analyst would write it by hand. It must equal those rows of
-- monthly_channel_conversion in which somebody came (the mart has the empty ones too).
-- Added to the original: cleaned raw tables, sums of nothing as 0, and no alias used beside its
-- own definition, which only Redshift allows.
with {{ cleaned_raw_tables() }},

counted as (

    select
        date_trunc('month', t.ts) as session_month,
        usc.channel,
        count(distinct usc.userid) as unique_users,
        count(distinct case when st.amount >= 0 then usc.userid end) as paid_users,
        coalesce(sum(st.amount), 0) as gross_revenue,
        coalesce(sum(case when st.refunded is not true then st.amount end), 0) as net_revenue
    from user_session_channel as usc
    inner join session_timestamp as t on usc.sessionid = t.sessionid
    left join session_transaction as st on usc.sessionid = st.sessionid
    group by 1, 2

)

select
    cast(session_month as date) as session_month,
    channel,
    unique_users,
    paid_users,
    round(cast(paid_users * 100 as numeric(18, 2)) / nullif(unique_users, 0), 2) as conversion_rate,
    gross_revenue,
    net_revenue
from counted
