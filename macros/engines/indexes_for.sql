{#- Configuration `indexes` of a model: one on each of the columns by which this project finds rows,
    on engines that use it; `of_some` are pairs of a column and the rows that are worth finding. -#}
{% macro indexes_for(columns, of_some=[]) %}
    {{ return(adapter.dispatch('indexes_for', 'elt_summary')(columns, of_some)) }}
{% endmacro %}

{#- None: engines that store by column skip blocks by their smallest and largest value. -#}
{% macro default__indexes_for(columns, of_some) %}
    {{ return([]) }}
{% endmacro %}

{% macro postgres__indexes_for(columns, of_some) %}
    {%- set indexes = [] -%}
    {%- for column in columns -%}
        {%- do indexes.append({'columns': [column]}) -%}
    {%- endfor -%}
    {%- for column, predicate in of_some -%}
        {%- do indexes.append({'columns': [column], 'where': predicate}) -%}
    {%- endfor -%}
    {{ return(indexes) }}
{% endmacro %}

{#- dbt's own macro for an index knows no `where`. -#}
{% macro postgres__get_create_index_sql(relation, index_dict) %}
    {{ return(
        'create index on ' ~ relation ~ ' (' ~ index_dict['columns'] | join(', ') ~ ')'
        ~ (' where ' ~ index_dict['where'] if index_dict['where'] else '')
    ) }}
{% endmacro %}

{% macro redshift__indexes_for(columns, of_some) %}
    {{ return(default__indexes_for(columns, of_some)) }}
{% endmacro %}
