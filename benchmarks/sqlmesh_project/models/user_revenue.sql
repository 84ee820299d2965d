-- Grain: one row per user with a transaction.
MODEL (
  name summaries.user_revenue,
  kind FULL,
  grain user_id,
  audits (
    unique_values(columns := (user_id)),
    not_null(columns := (user_id, gross_revenue, net_revenue))
  )
);

SELECT
  user_id,
  SUM(gross_revenue)::DECIMAL(18, 2) AS gross_revenue,
  SUM(net_revenue)::DECIMAL(18, 2) AS net_revenue,
  SUM(transaction_count)::INT AS transaction_count,
  SUM(refunded_transaction_count)::INT AS refunded_transaction_count
FROM summaries.fct_sessions
WHERE
  transaction_count > 0
GROUP BY
  user_id
