{#- Set operator: the rows of either query, each once. -#}
{% macro union_distinct() %}
    {{ return(adapter.dispatch('union_distinct', 'elt_summary')()) }}
{% endmacro %}

{% macro default__union_distinct() %}
    {{ return('union distinct') }}
{% endmacro %}

{#- The same; Redshift's documentation has no keyword for it. -#}
{% macro redshift__union_distinct() %}
    {{ return('union') }}
{% endmacro %}
