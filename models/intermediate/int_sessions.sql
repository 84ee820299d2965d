-- Grain: one row per session, as the raw tables have it now.
-- A session needs one user (user_session_channel) and one time (session_timestamp).
-- fct_sessions reads the same query, macros/sessions_from_raw.sql, for the days due alone.
{{ sessions_from_raw() }}
