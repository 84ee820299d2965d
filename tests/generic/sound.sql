{#- Guards against: no rows, on which every other test passes; a key that is null, or that two rows
    have; a value that the documentation does not name. One query for all of it, a row for each
    failure. -#}
{% test sound(model, key, unique_columns=[], accepted={}, may_be_empty=false, days=none) %}
{{ config(meta={'explain': 'what is wrong, and in how many rows; see docs/on-call.md'}) }}

{%- if not may_be_empty %}
select
    'there are no rows' as failure,
    0 as row_count
where not exists (select 1 from {{ model }})

union all

{%- endif %}
{%- for column in key %}

select
    '{{ column }} is null' as failure,
    count(*) as row_count
from {{ model }}
where {{ column }} is null
having count(*) > 0

union all

{%- endfor %}
{%- for column, values in accepted.items() %}

select
    '{{ column }} is ' || coalesce({{ column }}, 'null') as failure,
    count(*) as row_count
from {{ model }}
where {{ column }} is null or {{ column }} not in ('{{ values | join("', '") }}')
group by {{ column }}

union all

{%- endfor %}
{%- for column in unique_columns %}

{{ keys_with_several_rows(model, [column]) }}

union all

{%- endfor %}

{#- Where the engine keeps the key unique, it is enough that it still does. #}
{{
    (missing_primary_key(model, key) if execute and contract_has_key(model, key))
    or keys_with_several_rows(model, key, tested_days(days) if days else 'true')
}}

{% endtest %}
