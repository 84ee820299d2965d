-- Grain: one row per rank, 1 to 10.
MODEL (
  name summaries.top_revenue_users,
  kind FULL,
  grain revenue_rank,
  audits (
    unique_values(columns := (revenue_rank)),
    not_null(columns := (revenue_rank, user_id, gross_revenue, net_revenue))
  )
);

WITH ranked_users AS (
  SELECT
    user_id,
    gross_revenue,
    net_revenue,
    ROW_NUMBER() OVER (ORDER BY gross_revenue DESC, user_id ASC) AS revenue_rank
  FROM summaries.user_revenue
)
SELECT
  revenue_rank::INT AS revenue_rank,
  user_id,
  gross_revenue,
  net_revenue
FROM ranked_users
WHERE
  revenue_rank <= 10
