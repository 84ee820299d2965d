-- Grain: one row per user and month of a session that fct_sessions deleted or inserted and that the
-- marts behind it were not rebuilt for yet; a pair can stand here more than once, and half of it
-- alone (the other half null).
-- Nothing is selected here: fct_sessions writes the rows, in the transaction that changes it, and
-- the run that has rebuilt every mart deletes them.
{{ config(materialized='incremental', full_refresh=false, incremental_strategy='append') }}

select
    cast(null as {{ dbt.type_int() }}) as user_id,
    cast(null as date) as session_month,
    cast(null as {{ dbt.type_string() }}) as invocation_id
where false
