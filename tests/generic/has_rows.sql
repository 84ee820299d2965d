{#- Guards against: every other test passes on an empty table. -#}
{% test has_rows(model, column_name=none) %}

select 'no rows' as failure
where not exists (select 1 from {{ model }})

{% endtest %}
