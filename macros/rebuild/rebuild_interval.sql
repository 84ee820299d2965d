{#- The interval of --event-time-start and --event-time-end, widened to whole UTC days. -#}
{% macro rebuild_interval() %}
    {%- set start = invocation_args_dict.event_time_start -%}
    {%- set end = invocation_args_dict.event_time_end -%}
    {%- if not start or not end -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set day = modules.datetime.timedelta(days=1) -%}
    {%- set last_day = (end - modules.datetime.timedelta(microseconds=1)).date() -%}
    {{ return({'start': start.date(), 'end': last_day + day}) }}
{% endmacro %}
