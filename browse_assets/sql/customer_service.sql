-- What: one row per service interaction of a person who may leave the vault.
-- Columns: user_key, event_time (NULL where the row has none: counted, used nowhere), channel, topic, is_resolved (NULL
--   where the table has no such column, or it cannot be read).
-- Worked example: channel Chat, subject Billing, status closed: 'chat', 'billing', true.
-- Needs: macros.sql; admitted_customers; user_keys.
SELECT
    user_key,
    event_time,
    lower(declared(entries, ['channel', 'medium', 'via'])) AS channel,
    lower(declared(entries, ['topic', 'subject', 'category', 'reason', 'type'])) AS topic,
    CASE
        WHEN lower(declared(entries, ['resolved', 'isresolved', 'solved', 'status']))
            IN ('true', 't', 'yes', 'y', '1', 'resolved', 'closed', 'solved', 'done') THEN TRUE
        WHEN lower(declared(entries, ['resolved', 'isresolved', 'solved', 'status']))
            IN ('false', 'f', 'no', 'n', '0', 'unresolved', 'open', 'pending', 'escalated') THEN FALSE
    END AS is_resolved
FROM (
    SELECT keys.user_key, raw.event_time, declared_columns(raw.attributes) AS entries
    FROM admitted_customers AS raw
    JOIN user_keys AS keys USING (user_id)
    WHERE raw.source_table = 'service_interactions'
)
ORDER BY ALL;
