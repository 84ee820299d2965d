{#- The incremental strategy `rebuild`: what is due goes, what the model selects comes. dbt runs it
    after the model's rows were put into a temporary table, in one transaction with it. -#}
{% macro get_incremental_rebuild_sql(arg_dict) %}
    {{ return(adapter.dispatch('get_incremental_rebuild_sql', 'elt_summary')(arg_dict)) }}
{% endmacro %}

{% macro default__get_incremental_rebuild_sql(arg_dict) %}
    {%- set target, new = arg_dict['target_relation'], arg_dict['temp_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set due = due_rows() -%}
    {%- set key = arg_dict['unique_key'] -%}
    {%- set moved = key ~ ' in (select ' ~ key ~ ' from ' ~ new ~ ')' -%}
    {%- if model.config.meta.records_scope %}
    {#- Looked up once: where nothing finds a session by an index, each time is a scan. What is due
        has not moved: most of the new rows, which need no look-up. #}
    {%- set moved_rows = new.incorporate(path={'identifier': new.identifier ~ '_moved'}) %}
    create temporary table {{ moved_rows }} as
    select {{ key }}, user_id, session_date
    from {{ target }}
    where
        not {{ due }}
        and {{ key }} in (
            select {{ key }} from {{ new }}
            except
            select {{ key }} from {{ target }} where {{ due }}
        );
    {%- set moved = key ~ ' in (select ' ~ key ~ ' from ' ~ moved_rows ~ ')' %}
    {{ record_rebuild_scope(target, due) }};
    {{ record_rebuild_scope(moved_rows) }};
    {{ record_rebuild_scope(new) }};
    {{ gather_statistics(ref('rebuild_scope')) }}
    {%- endif %}
    delete from {{ target }} where {{ due }};
    {%- if key %}
    delete from {{ target }} where {{ moved }};
    {%- endif %}
    insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ new }};
    {{ record_commit(inserted=new) }}
{% endmacro %}
