{% macro type_money() %}numeric(18, 2){% endmacro %}
