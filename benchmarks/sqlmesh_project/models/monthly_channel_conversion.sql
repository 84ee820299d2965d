-- Grain: one row per month and channel. By key, not by time range: a day changes the month that it
-- lies in, which began before it.
MODEL (
  name summaries.monthly_channel_conversion,
  kind INCREMENTAL_BY_UNIQUE_KEY (
    unique_key (session_month, channel)
  ),
  grain (session_month, channel),
  audits (
    unique_combination_of_columns(columns := (session_month, channel)),
    not_null(columns := (session_month, channel, unique_users, paid_users, gross_revenue))
  )
);

WITH month_channels AS (
  SELECT
    DATE_TRUNC('month', session_date)::DATE AS session_month,
    channel,
    COUNT(DISTINCT user_id) AS unique_users,
    COUNT(DISTINCT CASE WHEN is_paid THEN user_id END) AS paid_users,
    SUM(gross_revenue) AS gross_revenue,
    SUM(net_revenue) AS net_revenue
  FROM summaries.fct_sessions
  WHERE
    started_at >= DATE_TRUNC('month', @start_ts::TIMESTAMP) AND started_at <= @end_ts
  GROUP BY
    1,
    2
), months AS (
  SELECT DISTINCT
    session_month
  FROM month_channels
)
SELECT
  months.session_month::DATE AS session_month,
  listed.channelname::VARCHAR(32) AS channel,
  COALESCE(seen.unique_users, 0)::INT AS unique_users,
  COALESCE(seen.paid_users, 0)::INT AS paid_users,
  ROUND(seen.paid_users::DECIMAL(18, 4) * 100 / NULLIF(seen.unique_users, 0), 2)::DECIMAL(5, 2)
    AS conversion_rate,
  COALESCE(seen.gross_revenue, 0)::DECIMAL(18, 2) AS gross_revenue,
  COALESCE(seen.net_revenue, 0)::DECIMAL(18, 2) AS net_revenue
FROM months
CROSS JOIN raw_data.channel AS listed
LEFT JOIN month_channels AS seen
  ON seen.session_month = months.session_month AND seen.channel = listed.channelname
