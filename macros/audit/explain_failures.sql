{#- Hook at the end of a run: what dbt itself only counts, for every failed or warning test with
    `meta.explain`: the rows that it found, and what to do. -#}
{% macro explain_failures(results) %}
    {%- if execute -%}
        {%- for result in results
            if result.status in ['fail', 'warn'] and result.node.config.meta.explain -%}
            {%- set found = rows_of_test(result.node.compiled_code) -%}
            {%- do log('', info=true) -%}
            {%- set test = result.node.name ~ ' (' ~ result.status ~ ')' -%}
            {%- do log(test ~ ': ' ~ result.node.config.meta.explain, info=true) -%}
            {%- for row in found.rows if loop.index <= 20 -%}
                {%- set values = [] -%}
                {%- for name in found.column_names if name != 'badness' -%}
                    {%- do values.append(name ~ '=' ~ row[name]) -%}
                {%- endfor -%}
                {%- do log('  ' ~ values | join(', '), info=true) -%}
            {%- endfor -%}
            {%- if found.rows | length > 20 -%}
                {%- do log('  and ' ~ (found.rows | length - 20) ~ ' more', info=true) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
