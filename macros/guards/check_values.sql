{#- dbt asks for the schema of every model while it parses: before it connects to anything, and
    again whenever a variable or the connection changes. So hostile values end here. -#}
{% macro generate_schema_name(custom_schema_name=none, node=none) %}
    {%- do check_values() -%}
    {{ return(dbt.generate_schema_name(custom_schema_name, node)) }}
{% endmacro %}

{#- Values are not repeated in the message: somebody pastes a URL with a password some day. -#}
{% macro check_values() %}
    {%- set rules = value_rules() -%}
    {%- set problems = [] -%}
    {%- set given = invocation_args_dict.vars or {} -%}
    {%- for name in given if name not in rules.variables and project_name == 'elt_summary' -%}
        {%- do problems.append(
            'there is no variable ' ~ (name | string | truncate(40, true, '...', 0) | tojson)
        ) -%}
    {%- endfor -%}
    {%- if problems -%}
        {%- do problems.append('the variables are ' ~ rules.variables | join(', ')) -%}
    {%- endif -%}
    {%- for name, rule in rules.variables.items() if not follows(var(name), rule) -%}
        {%- do problems.append('the variable ' ~ name ~ ' must be ' ~ rule.allowed
            ~ (' (or null)' if rule.optional else '')) -%}
    {%- endfor -%}
    {%- for key, rule in dict(rules.connection, **connection_rules()).items()
        if not follows(target[key], rule) -%}
        {%- do problems.append('the environment variable ' ~ rule.set_by ~ ' (' ~ key
            ~ ' of target ' ~ target.name ~ ' in profiles.yml) must be ' ~ rule.allowed) -%}
    {%- endfor -%}
    {%- if not problems and var('earliest_day') | string > var('latest_day') | string -%}
        {%- do problems.append('the variable earliest_day must not lie after latest_day') -%}
    {%- endif -%}
    {%- if problems -%}
        {{ exceptions.raise_compiler_error(
            "Values that cannot be used: " ~ problems | join('; ') ~ ". Nothing was changed."
        ) }}
    {%- endif -%}
{% endmacro %}

{% macro follows(value, rule) %}
    {%- if value is none -%}
        {{ return(rule.optional | default(false)) }}
    {%- elif rule.kind == 'boolean' -%}
        {{ return(value is boolean) }}
    {%- elif rule.kind == 'day' -%}
        {{ return(is_day(value | string)) }}
    {%- elif rule.kind -%}
        {{ return(
            value is number and value is not boolean
            and (value is integer or rule.kind == 'number')
            and rule.lowest <= value <= rule.highest
        ) }}
    {%- endif -%}
    {{ return(value is string and modules.re.fullmatch(rule.pattern, value) is not none) }}
{% endmacro %}

{#- Also a Python date, which is what YAML makes of a day without quotes. -#}
{% macro is_day(text) %}
    {%- set pattern = '(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])' -%}
    {%- if not modules.re.fullmatch(pattern, text) -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set year, month, day = text.split('-') | map('int') -%}
    {%- set first = modules.datetime.date(year, month, 1) -%}
    {{ return((first + modules.datetime.timedelta(days=day - 1)).month == month) }}
{% endmacro %}
