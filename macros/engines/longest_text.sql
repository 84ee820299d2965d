{#- How many characters of a raw text the models keep; none where they keep all. -#}
{% macro longest_text() %}
    {{ return(adapter.dispatch('longest_text', 'elt_summary')()) }}
{% endmacro %}

{% macro default__longest_text() %}
    {{ return(none) }}
{% endmacro %}

{#- What `text` means to Redshift: a cast cuts off the rest without a word. -#}
{% macro redshift__longest_text() %}
    {{ return(256) }}
{% endmacro %}
