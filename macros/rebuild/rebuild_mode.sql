{#- Why days are listed in this run: 'interval', 'first build', 'loaded' or 'changed'. -#}
{% macro rebuild_mode() %}
    {%- if rebuild_interval() -%}
        {{ return('interval') }}
    {%- elif flags.FULL_REFRESH or existing_fct_sessions() is none -%}
        {{ return('first build') }}
    {%- elif var('loaded_at_column') and loaded_through() -%}
        {{ return('loaded') }}
    {%- else -%}
        {{ return('changed') }}
    {%- endif -%}
{% endmacro %}

{#- Not a ref: fct_sessions depends on rebuild_days, and rebuild_days reads what an earlier run
    left. -#}
{% macro existing_fct_sessions() %}
    {{ return(load_relation(rebuild_table('fct_sessions'))) }}
{% endmacro %}
