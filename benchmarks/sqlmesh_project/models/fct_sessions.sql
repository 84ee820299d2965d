-- Grain: one row per session.
MODEL (
  name summaries.fct_sessions,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column started_at
  ),
  grain session_id,
  audits (
    unique_values(columns := (session_id)),
    not_null(columns := (session_id, user_id, channel, started_at, session_date))
  )
);

WITH sessions AS (
  SELECT
    sessionid AS session_id,
    ts AS started_at
  FROM raw_data.session_timestamp
  WHERE
    ts BETWEEN @start_ts AND @end_ts
), transactions AS (
  SELECT
    sessionid AS session_id,
    COUNT(*) AS transaction_count,
    SUM(CASE WHEN refunded IS TRUE THEN 1 ELSE 0 END) AS refunded_transaction_count,
    SUM(amount) AS gross_revenue,
    SUM(CASE WHEN NOT refunded IS TRUE THEN amount END) AS net_revenue,
    MAX(CASE WHEN amount >= 0 THEN 1 ELSE 0 END) AS has_payment
  FROM raw_data.session_transaction
  WHERE
    sessionid IN (
      SELECT
        session_id
      FROM sessions
    )
  GROUP BY
    sessionid
)
SELECT
  sessions.session_id::VARCHAR(32) AS session_id,
  usc.userid::INT AS user_id,
  usc.channel::VARCHAR(32) AS channel,
  sessions.started_at::TIMESTAMP AS started_at,
  sessions.started_at::DATE AS session_date,
  COALESCE(transactions.transaction_count, 0)::INT AS transaction_count,
  COALESCE(transactions.gross_revenue, 0)::DECIMAL(18, 2) AS gross_revenue,
  COALESCE(transactions.net_revenue, 0)::DECIMAL(18, 2) AS net_revenue,
  COALESCE(transactions.has_payment, 0) = 1 AS is_paid,
  COALESCE(transactions.refunded_transaction_count, 0)::INT AS refunded_transaction_count
FROM sessions
INNER JOIN raw_data.user_session_channel AS usc
  ON usc.sessionid = sessions.session_id
LEFT JOIN transactions
  ON transactions.session_id = sessions.session_id;

@IF(
  @gateway = 'postgres' AND @runtime_stage = 'evaluating',
  CREATE INDEX IF NOT EXISTS fct_sessions_started_at ON @this_model USING btree (started_at)
);

@IF(@gateway = 'postgres' AND @runtime_stage = 'evaluating', ANALYZE @this_model)
