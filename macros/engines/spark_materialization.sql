{#- Instead of that of dbt-spark; how and why: spark_incremental.sql. -#}
{% materialization incremental, adapter='spark' -%}
    {%- do spark_session() -%}
    {%- set existing = load_relation(this) -%}
    {%- set is_whole = existing is none or not existing.is_table or should_full_refresh() -%}
    {{ run_hooks(pre_hooks) }}
    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(compiled_code) -%}
    {%- endif -%}
    {%- set query = get_select_subquery(compiled_code)
        if config.get('contract').enforced else compiled_code -%}
    {%- if is_whole -%}
        {%- do spark_build_whole(existing, query) -%}
    {%- elif config.get('incremental_strategy') == 'rebuild' -%}
        {%- do spark_rebuild(existing, query) -%}
    {%- else -%}
        {#- Of such tables hooks write the rows, and the model selects none. -#}
        {%- call noop_statement('main', 'OK') -%}{%- endcall -%}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [this]}) }}
{%- endmaterialization %}
