{#- How an incremental model is built on Spark: parquet tables, no transaction, delete or update.
    - A table becomes another one by a swap: the new rows are written beside it (..__new_..); when
      all is ready (..__next_..) the old table is dropped and the new one takes its name. Who dies in
      between leaves one of these: the next run finishes the swap or drops it (spark_mend).
    - A table with partitions changes by overwriting those of the days or months due, and dropping
      those that are empty now. That is no transaction: who dies in between leaves some partitions
      old. So what is due stands in rebuild_days or rebuild_scope before, until the run's end. -#}

{% macro spark_build_whole(existing, query) %}
    {%- set new = spark_beside(this, 'new') -%}
    {%- call statement('main') -%}
        {{ spark_create_table(new, query, config.get('partition_by')) }}
    {%- endcall -%}
    {%- do spark_check_required(new) -%}
    {#- Before the table is there: whoever dies after that must leave it written what follows. -#}
    {%- if model.config.meta.records_scope and existing_marts_behind() -%}
        {%- do spark_record_scope(new, 'true') -%}
    {%- endif -%}
    {#- From here on a run that dies has left a table that is to take this name. -#}
    {%- set next = spark_beside(this, 'next') -%}
    {%- do adapter.rename_relation(new, next) -%}
    {%- do spark_swap(this, next, existing) -%}
{% endmacro %}

{#- The strategy `rebuild`: what is due goes, what the model selects comes. -#}
{% macro spark_rebuild(existing, query) %}
    {%- set new = spark_beside(this, 'new') -%}
    {%- do run_query(spark_create_table(new, query)) -%}
    {%- do spark_check_required(new) -%}
    {%- if config.get('partition_by') -%}
        {%- do spark_overwrite_partitions(new) -%}
    {%- else -%}
        {%- do spark_rewrite(existing, new) -%}
    {%- endif -%}
    {%- do spark_record_commit(new) -%}
    {%- do adapter.drop_relation(new) -%}
{% endmacro %}

{#- Partitions of the days or months due become what is in `new`. A row that moved there from a
    partition that is not due leaves that one, which keeps its others. -#}
{% macro spark_overwrite_partitions(new) %}
    {%- set column, key = config.get('partition_by'), config.get('unique_key') -%}
    {%- set columns = quoted_columns(this) -%}
    {%- set due = due_rows() -%}
    {%- set moved = key ~ ' in (select ' ~ key ~ ' from ' ~ new ~ ')' -%}
    {%- set moved_from = first_column(
        'select distinct ' ~ column ~ ' from ' ~ this ~ ' where not ' ~ due ~ ' and ' ~ moved
    ) if key else [] -%}
    {%- set stay = 'false' -%}
    {%- if moved_from -%}
        {%- set stay = in_days(column, moved_from) ~ ' and ' ~ key ~ ' not in (select ' ~ key
            ~ ' from ' ~ new ~ ')' -%}
        {%- do spark_list_days(moved_from) -%}
    {%- endif -%}
    {%- if model.config.meta.records_scope -%}
        {%- do spark_record_scope(this, due) -%}
        {%- if moved_from -%}
            {%- do spark_record_scope(
                this, in_days(column, moved_from) ~ ' and ' ~ moved
            ) -%}
        {%- endif -%}
        {%- do spark_record_scope(new, 'true') -%}
    {%- endif -%}
    {%- set filled = first_column(
        'select ' ~ column ~ ' from ' ~ new ~ ' union distinct select ' ~ column ~ ' from ' ~ this
        ~ ' where ' ~ stay
    ) -%}
    {%- if filled -%}
        {#- Rows of a partition together: one file each, or few, not one of every task. -#}
        {%- call statement('main') -%}
            insert overwrite table {{ this }} ({{ columns }})
            select /*+ rebalance({{ column }}) */ {{ columns }}
            from (
                select {{ columns }} from {{ new }}
                {%- if moved_from %}
                union all
                select {{ columns }} from {{ this }} where {{ stay }}
                {%- endif %}
            )
        {%- endcall -%}
    {%- else -%}
        {%- call noop_statement('main', 'OK') -%}{%- endcall -%}
    {%- endif -%}
    {%- set emptied = [] -%}
    {%- set due_partitions = first_column(
        'select distinct ' ~ column ~ ' from ' ~ this ~ ' where ' ~ due
    ) -%}
    {%- for value in due_partitions + moved_from if value not in filled -%}
        {%- do emptied.append('partition (' ~ column ~ " = date'" ~ value.isoformat() ~ "')") -%}
    {%- endfor -%}
    {%- if emptied -%}
        {%- do run_query('alter table ' ~ this ~ ' drop if exists ' ~ emptied | join(', ')) -%}
    {%- endif -%}
{% endmacro %}

{#- A table without partitions is written anew, with the rows that are not due; not at all if
    nothing goes and nothing comes. -#}
{% macro spark_rewrite(existing, new) %}
    {%- set key = config.get('unique_key') -%}
    {%- set columns = quoted_columns(existing) -%}
    {#- A predicate that is null finds nothing. -#}
    {%- set goes = 'coalesce(' ~ due_rows() ~ ', false)' -%}
    {%- if key -%}
        {%- set goes = '(' ~ goes ~ ' or coalesce(' ~ key ~ ' in (select ' ~ key ~ ' from ' ~ new
            ~ '), false))' -%}
    {%- endif -%}
    {%- set changes = run_query(
        'select 1 from ' ~ new ~ ' limit 1'
    ).rows or run_query('select 1 from ' ~ this ~ ' where ' ~ goes ~ ' limit 1').rows -%}
    {%- if changes -%}
        {%- set rows -%}
            select {{ columns }} from {{ new }}
            union all
            select {{ columns }} from {{ this }} where not {{ goes }}
        {%- endset -%}
        {%- do spark_replace_rows(existing, rows, 'main') -%}
    {%- else -%}
        {%- call noop_statement('main', 'OK') -%}{%- endcall -%}
    {%- endif -%}
{% endmacro %}

{#- Makes a table hold what a query says, which may read that table. -#}
{% macro spark_replace_rows(existing, query, statement_name='replace_rows') %}
    {%- set next = spark_beside(existing, 'next') -%}
    {%- call statement(statement_name) -%}
        {{ spark_create_table(next, query) }}
    {%- endcall -%}
    {%- do spark_swap(existing, next, existing) -%}
{% endmacro %}

{% macro spark_swap(relation, next, existing) %}
    {%- if existing is not none -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- do adapter.rename_relation(next, relation.incorporate(type='table')) -%}
{% endmacro %}

{#- Parquet said aloud: a cluster may have another default. -#}
{% macro spark_create_table(relation, query, partition_by=none) %}
    create table {{ relation }}
    using parquet
    {%- if partition_by %}
    partitioned by ({{ partition_by }})
    {%- endif %}
    as
    select {{ '/*+ rebalance(' ~ partition_by ~ ') */' if partition_by }} * from ({{ query }})
{% endmacro %}

{#- A table of this run beside another one. Its name is new each time: a statement that was killed
    may leave files behind where no table is. -#}
{% macro spark_beside(relation, role) %}
    {%- set key = key_in_run('tables_beside') -%}
    {%- set number = graph.get(key, 0) + 1 -%}
    {%- do graph.update({key: number}) -%}
    {%- set run = (invocation_id | replace('-', ''))[:12] -%}
    {%- set name = [relation.identifier ~ '__' ~ role, run, number] | join('_') -%}
    {{ return(relation.incorporate(path={'identifier': name}, type='table')) }}
{% endmacro %}

{#- What a run that died has left: a swap is finished if the old table was dropped already, and
    undone otherwise. -#}
{% macro spark_mend() %}
    {%- set found = [] -%}
    {%- for row in run_query('show tables in ' ~ target.schema).rows -%}
        {%- do found.append(row[1]) -%}
    {%- endfor -%}
    {%- for name in found -%}
        {%- set parts = modules.re.fullmatch('(.+)__(next|new)_[0-9a-f]{12}_[0-9]+', name) -%}
        {%- if parts -%}
            {%- set left = rebuild_table(name).incorporate(type='table') -%}
            {%- set original = rebuild_table(parts[1]).incorporate(type='table') -%}
            {%- if parts[2] == 'next' and parts[1] not in found -%}
                {%- do adapter.rename_relation(left, original) -%}
                {%- do found.append(parts[1]) -%}
                {%- do log(
                    'Mended: ' ~ original ~ ' is what a run that died had made of it.', info=true
                ) -%}
            {%- else -%}
                {%- do adapter.drop_relation(left) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{#- The contract's required columns, which Spark itself does not enforce. -#}
{% macro spark_check_required(relation) %}
    {%- set required = [] -%}
    {%- for column in model.columns.values() -%}
        {%- if column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
            {%- do required.append(column.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if required and config.get('contract').enforced -%}
        {%- set counts = [] -%}
        {%- for name in required -%}
            {%- do counts.append('count_if(' ~ name ~ ' is null) as ' ~ name) -%}
        {%- endfor -%}
        {%- set nulls = run_query('select ' ~ counts | join(', ') ~ ' from ' ~ relation).rows[0] -%}
        {%- for name in required if nulls[name] -%}
            {{ exceptions.raise_compiler_error(
                this ~ ' requires ' ~ name ~ ', and ' ~ nulls[name] ~ ' of the new rows have none. '
                ~ 'They are in ' ~ relation ~ ' until the next run. The table was not changed.'
            ) }}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
