{#- What sessions are compared by. Each raw row has a hash, a session the sum of those of its rows:
    so sums over raw rows and over sessions can be compared without a join. -#}
{% macro session_hash() %}
    {{ return(
        user_hash() ~ ' + ' ~ time_hash()
        ~ ' + case when transaction_count > 0 then ' ~ transactions_hash() ~ ' else 0 end'
    ) }}
{% endmacro %}

{% macro user_hash() %}
    {{ return(row_hash({
        'session_id': 'text',
        'user_id': 'whole_number',
        'channel': 'text',
        'is_listed_channel': 'boolean',
    })) }}
{% endmacro %}

{% macro time_hash() %}
    {{ return(row_hash({'session_id': 'text', 'started_at': 'timestamp'})) }}
{% endmacro %}

{#- Of all transactions of a session. -#}
{% macro transactions_hash() %}
    {{ return(row_hash({
        'session_id': 'text',
        'transaction_count': 'whole_number',
        'gross_revenue': 'money',
        'net_revenue': 'money',
        'is_paid': 'boolean',
        'refunded_transaction_count': 'whole_number',
    })) }}
{% endmacro %}

{#- One of some thousand buckets, about the same number of sessions in each. More would cost more to
    sum up than they save. -#}
{% macro bucket_of(column) %}
    {{ return('mod(' ~ row_hash({column: 'text'}) ~ ', 1024)') }}
{% endmacro %}
