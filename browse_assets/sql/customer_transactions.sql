-- What: one row per transaction of a person who may leave the vault.
-- Columns: user_key, event_time (NULL where the row has none: counted, used nowhere), amount, kind.
-- Worked example: amount ' -9.99', type refund: amount -9.99, kind 'refund'.
-- Needs: macros.sql; admitted_customers; user_keys.
SELECT
    user_key,
    event_time,
    try_cast(declared(entries, ['amount', 'value', 'price', 'total', 'revenue', 'sum']) AS DECIMAL(18, 4))::DOUBLE AS amount,
    lower(declared(entries, ['kind', 'type', 'transactiontype', 'category'])) AS kind
FROM (
    SELECT keys.user_key, raw.event_time, declared_columns(raw.attributes) AS entries
    FROM admitted_customers AS raw
    JOIN user_keys AS keys USING (user_id)
    WHERE raw.source_table = 'transactions'
)
ORDER BY ALL;
