{#- What sessions are compared by. Each raw row has a hash, a session the sum of those of its rows:
    so sums over raw rows and over sessions can be compared without a join. -#}
{% macro session_hash() %}
    {{ return(
        user_hash() ~ ' + ' ~ time_hash()
        ~ ' + case when transaction_count > 0 then ' ~ transactions_hash() ~ ' else 0 end'
    ) }}
{% endmacro %}

{% macro user_hash() %}
    {{ return(row_hash(['session_id', 'user_id', 'channel', 'is_listed_channel'])) }}
{% endmacro %}

{% macro time_hash() %}
    {{ return(row_hash(['session_id', 'started_at'])) }}
{% endmacro %}

{#- Of all transactions of a session. -#}
{% macro transactions_hash() %}
    {{ return(row_hash([
        'session_id', 'transaction_count', 'gross_revenue', 'net_revenue', 'is_paid',
        'refunded_transaction_count',
    ])) }}
{% endmacro %}
