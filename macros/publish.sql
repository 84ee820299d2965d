{#- dbt run-operation publish --args '{schema: reporting}'
    Copies what readers query to another schema, in one transaction; docs/publishing.md. -#}
{% macro publish(schema) %}
    {%- do check_engine_can_publish() -%}
    {%- do check_publish_schema(schema) -%}
    {%- set tables = published_tables(schema) -%}
    {%- do check_published_tables_exist(tables) -%}
    {#- From here to the commit one transaction, in which nobody rebuilds a mart. -#}
    {%- do begin_transaction() -%}
    {%- if lock_sessions() | trim -%}
        {%- do run_query(lock_sessions()) -%}
    {%- endif -%}
    {%- do check_all_is_rebuilt() -%}
    {%- if not adapter.check_schema_exists(target.database, schema) -%}
        {%- do run_query('create schema ' ~ adapter.quote(schema)) -%}
    {%- endif -%}
    {%- do check_published_columns(tables) -%}
    {%- for table in tables -%}
        {%- if not table.exists -%}
            {%- do run_query(create_published_table_sql(table)) -%}
        {%- endif -%}
        {%- do run_query(remove_published_rows_sql(table)) -%}
        {%- do run_query(add_published_rows_sql(table)) -%}
        {{ log("publish: " ~ table.source ~ " is copied", info=true) }}
    {%- endfor -%}
    {%- do adapter.commit() -%}
    {{ log("Published " ~ tables | length ~ " tables to schema " ~ schema ~ ": "
        ~ tables | map(attribute='name') | join(', '), info=true) }}
{% endmacro %}

{% macro check_publish_schema(schema) %}
    {%- if not modules.re.fullmatch('[a-z_][a-z0-9_]{0,62}', schema | string)
        or schema == 'information_schema' or schema.startswith('pg_') -%}
        {{ exceptions.raise_compiler_error(
            "'" ~ schema ~ "' is no usable schema name: lower-case letters, digits and _, not"
            ~ " starting with a digit, at most 63 characters, none of the engine's own. Nothing was"
            ~ " published."
        ) }}
    {%- elif schema == target.schema | lower -%}
        {{ exceptions.raise_compiler_error(
            "dbt builds in schema '" ~ schema ~ "': publish to another one, for example"
            ~ " --args '{schema: reporting}'. Nothing was published."
        ) }}
    {%- elif schema == var('raw_schema') | lower -%}
        {{ exceptions.raise_compiler_error(
            "The raw tables are in schema '" ~ schema ~ "': publish to another one, for example"
            ~ " --args '{schema: reporting}'. Nothing was published."
        ) }}
    {%- endif -%}
    {#- Whatever the variables of this call say: tables that only those schemas have. -#}
    {%- for table in ['rebuild_days', 'session_timestamp'] -%}
        {%- if adapter.get_relation(target.database, schema, table) is not none -%}
            {{ exceptions.raise_compiler_error(
                "Schema '" ~ schema ~ "' has a table " ~ table ~ ", so dbt builds in it or raw tables"
                ~ " are in it: publish to another one. Nothing was published."
            ) }}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{#- What readers query: tables with a contract among marts and audit. A model may say otherwise, by
    `meta: {published: true}` or `false`. -#}
{% macro published_tables(schema) %}
    {%- set tables = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
        {%- set is_for_readers = node.config.contract.enforced
            and node.config.materialized in ['table', 'incremental']
            and node.fqn[1] in ['marts', 'audit'] -%}
        {%- if node.config.meta.get('published', is_for_readers) -%}
            {%- set keys = node.constraints
                | selectattr('type', 'equalto', 'primary_key') | list -%}
            {%- set destination = adapter.get_relation(target.database, schema, node.alias) -%}
            {%- do tables.append({
                'name': node.alias,
                'node': node,
                'key': keys[0].columns if keys else [],
                'source': api.Relation.create(
                    database=node.database, schema=node.schema, identifier=node.alias
                ),
                'exists': destination is not none,
                'destination': destination or api.Relation.create(
                    database=target.database, schema=schema, identifier=node.alias
                ),
            }) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(tables | sort(attribute='name')) }}
{% endmacro %}

{% macro check_published_tables_exist(tables) %}
    {%- set missing = [] -%}
    {%- for table in tables if load_relation(table.source) is none -%}
        {%- do missing.append(table.name) -%}
    {%- endfor -%}
    {%- if missing -%}
        {{ exceptions.raise_compiler_error(
            "Schema " ~ target.schema ~ " has no " ~ missing | join(', ') ~ ". Run dbt build first"
            ~ " (is this the right target, and DBT_SCHEMA?). Nothing was published."
        ) }}
    {%- endif -%}
{% endmacro %}

{#- Days that a run listed and did not finish, and users and months whose marts wait for it. -#}
{% macro check_all_is_rebuilt() %}
    {%- set unfinished = [] -%}
    {%- if load_relation(rebuild_table('rebuild_days')) is not none -%}
        {%- do unfinished.extend(run_query(
            'select session_date from ' ~ rebuild_table('rebuild_days')
            ~ ' where not is_finished order by session_date'
        ).columns[0].values()) -%}
    {%- endif -%}
    {%- set waiting = run_query(
        'select count(*) from ' ~ rebuild_table('rebuild_scope')
    ).columns[0].values()[0] if load_relation(rebuild_table('rebuild_scope')) is not none else 0 -%}
    {%- if unfinished or waiting -%}
        {{ exceptions.raise_compiler_error(
            "The marts in schema " ~ target.schema ~ " are not all of one build: "
            ~ unfinished | length ~ " days are not finished"
            ~ (" (" ~ unfinished[0] ~ " to " ~ unfinished[-1] ~ ")" if unfinished else "")
            ~ ", and " ~ waiting ~ " users and months wait to be rebuilt. A run died, failed, left"
            ~ " out a mart or is still going on: wait for it or run dbt build, then publish again."
            ~ " Nothing was published."
        ) }}
    {%- endif -%}
{% endmacro %}

{% macro check_published_columns(tables) %}
    {%- for table in tables if table.exists -%}
        {%- if not table.destination.is_table -%}
            {{ exceptions.raise_compiler_error(
                table.destination ~ " is a " ~ table.destination.type ~ ", which publish has not"
                ~ " made. Rename it or publish to another schema. Nothing was published."
            ) }}
        {%- endif -%}
        {%- set now = described_columns(table.source) -%}
        {%- set published = described_columns(table.destination) -%}
        {%- if now != published -%}
            {{ exceptions.raise_compiler_error(
                "The columns of " ~ table.name ~ " have changed. Published: " ~ published
                ~ ". Now: " ~ now ~ ". Tell the readers; then publish to a new schema, or drop the"
                ~ " published table (drop table " ~ table.destination ~ ") and publish again."
                ~ " Nothing was published."
            ) }}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{% macro described_columns(relation) %}
    {%- set described = [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do described.append(column.name ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
    {{ return(described | join(', ')) }}
{% endmacro %}

{#- Rows that changed or vanished; all of a table without a key. -#}
{% macro remove_published_rows_sql(table) %}
    {%- set columns = quoted_columns(table.source) -%}
    {%- set key = table.key | join(', ') -%}
    delete from {{ table.destination }}
    {%- if key %}
    where ({{ key }}) in (
        select {{ key }}
        from (
            select {{ columns }} from {{ table.destination }}
            except
            select {{ columns }} from {{ table.source }}
        ) as changed
    )
    {%- endif %}
{% endmacro %}

{% macro add_published_rows_sql(table) %}
    {%- set columns = quoted_columns(table.source) -%}
    insert into {{ table.destination }} ({{ columns }})
    select {{ columns }} from {{ table.source }}
    {%- if table.key %}
    except
    select {{ columns }} from {{ table.destination }}
    {%- endif %}
{% endmacro %}

{% macro quoted_columns(relation) %}
    {{ return(adapter.get_columns_in_relation(relation) | map(attribute='quoted') | join(', ')) }}
{% endmacro %}
