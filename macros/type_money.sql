{% macro type_money() %}numeric(18, 2){% endmacro %}

{#- Holds every amount that a raw table can have, also those that are rejected. -#}
{% macro type_raw_money() %}numeric(38, 2){% endmacro %}
