-- Grain: one row per user with a session.
MODEL (
  name summaries.user_first_last_touch,
  kind FULL,
  dialect duckdb,
  grain user_id,
  audits (
    unique_values(columns := (user_id)),
    not_null(columns := (user_id, first_touch_channel, first_touch_at, last_touch_channel))
  )
);

SELECT
  user_id,
  ARG_MIN(channel, started_at) AS first_touch_channel,
  MIN(started_at) AS first_touch_at,
  ARG_MAX(channel, started_at) AS last_touch_channel,
  MAX(started_at) AS last_touch_at,
  COUNT(*)::INT AS session_count
FROM summaries.fct_sessions
GROUP BY
  user_id
