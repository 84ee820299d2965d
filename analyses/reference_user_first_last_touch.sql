-- First and last touch, as an analyst would write it by hand. user_first_last_touch must equal it.
-- Added to the original: cleaned raw tables, and sessionid to decide between equal times.
with {{ cleaned_raw_tables() }}

select distinct
    usc.userid as user_id,
    first_value(usc.channel) over (
        partition by usc.userid order by st.ts, {{ binary_order('usc.sessionid') }}
        rows between unbounded preceding and unbounded following
    ) as first_touch_channel,
    last_value(usc.channel) over (
        partition by usc.userid order by st.ts, {{ binary_order('usc.sessionid') }}
        rows between unbounded preceding and unbounded following
    ) as last_touch_channel
from user_session_channel as usc
inner join session_timestamp as st on usc.sessionid = st.sessionid
