-- Grain: one row per run (dbt invocation) and model that was to be built in it.
-- Nothing is selected here: the hooks in macros/ledger/ write the rows. A run writes `started` for
-- all its models before the first begins, `committed` in the transaction in which a model changes,
-- and how it ended after the days were marked finished: a run that dies cannot read `success`.
{{ config(
    materialized='incremental',
    full_refresh=false,
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'published': false},
    partition_by=partitions_for('invocation_id'),
) }}

select
    cast(null as {{ dbt.type_string() }}) as invocation_id,
    cast(null as {{ dbt.type_string() }}) as model,
    cast(null as {{ dbt.type_timestamp() }}) as started_at,
    cast(null as {{ dbt.type_string() }}) as reason,
    cast(null as {{ dbt.type_bigint() }}) as rows_in,
    cast(null as {{ dbt.type_bigint() }}) as rows_written,
    cast(null as {{ dbt.type_bigint() }}) as rows_rejected,
    cast(null as numeric(12, 3)) as seconds,
    cast(null as {{ dbt.type_string() }}) as outcome
where false
