-- Channels that sessions came through but that the channel table does not list, with when and how
-- often they were seen. Add them to the raw table `channel`, or have the tracker mended.
select
    channel,
    count(*) as session_count,
    min(session_date) as first_seen,
    max(session_date) as last_seen
from {{ ref('fct_sessions') }}
where not is_listed_channel
group by channel
order by session_count desc, channel asc
