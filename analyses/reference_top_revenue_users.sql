-- The users with the highest gross revenue, as an analyst would write it by hand.
-- top_revenue_users must equal it. Added to the original: cleaned raw tables, userid to decide
-- between equal revenue, and sums of nothing as 0.
with {{ cleaned_raw_tables() }}

select
    usc.userid as user_id,
    coalesce(sum(st.amount), 0) as gross_revenue,
    coalesce(sum(case when st.refunded is not true then st.amount end), 0) as net_revenue
from session_transaction as st
inner join user_session_channel as usc on st.sessionid = usc.sessionid
group by usc.userid
order by gross_revenue desc, user_id asc
limit {{ var('top_revenue_users_limit') }}
