-- What: one row per person of the customer tables.
-- Columns: those of customer_features (tables.py).
-- An attribute is kept only where it cannot single anybody out: at most 20 different values, each
--   declared by at least 5 people and at most 40 characters long, none with the pattern of personal data,
--   and not one that is personal or free text by its name.
-- Worked example: plan = basic for 40 people and premium for 12 is kept; a name or an e-mail is not.
-- Needs: macros.sql; admitted_customers (rows of raw_customers that may leave the vault); user_keys
--   (user_id, user_key) of their people; $as_of.
WITH customer_rows AS (
    SELECT keys.user_key, raw.source_table, raw.event_time, raw.attributes
    FROM admitted_customers AS raw
    JOIN user_keys AS keys USING (user_id)
),
declared AS (
    SELECT user_key, unnest(declared_columns(attributes)) AS entry
    FROM customer_rows
    WHERE source_table = 'customers'
),
attribute_values AS (
    SELECT user_key, entry.key AS name, max(entry.value) AS content
    FROM declared
    WHERE regexp_matches(entry.key, '^[A-Za-z0-9_ ]{1,40}$')
      AND NOT regexp_matches(lower(entry.key), 'name|mail|phone|mobile|address|street|city|zip|post|birth|dob|note|comment|remark|text|ssn|iban|account|card|employer')
    GROUP BY ALL
),
counted AS (
    SELECT name, content, count(*) AS people
    FROM attribute_values
    WHERE content IS NOT NULL AND content <> ''
    GROUP BY ALL
),
safe AS (
    SELECT name
    FROM counted
    GROUP BY name
    HAVING count(*) <= 20 AND min(people) >= 5 AND max(length(content)) <= 40 AND NOT bool_or(has_personal_pattern(content))
),
attributes AS (
    SELECT user_key, map_from_entries(list({'k': name, 'v': content} ORDER BY name)) AS attributes
    FROM attribute_values
    SEMI JOIN safe USING (name)
    WHERE content IS NOT NULL AND content <> ''
    GROUP BY user_key
),
bought AS (
    SELECT
        user_key,
        count(*) AS transactions,
        sum(try_cast(json_extract_string(attributes, '$.amount') AS DECIMAL(18, 4)))::DOUBLE AS transaction_amount,
        max(event_time) AS last_time
    FROM customer_rows
    WHERE source_table = 'transactions' AND event_time <= $as_of::TIMESTAMP
    GROUP BY ALL
),
served AS (
    SELECT user_key, count(*) AS service_interactions, max(event_time) AS last_time
    FROM customer_rows
    WHERE source_table = 'service_interactions' AND event_time <= $as_of::TIMESTAMP
    GROUP BY ALL
),
present AS (
    SELECT
        coalesce(bool_or(source_table = 'transactions'), FALSE) AS has_transactions,
        coalesce(bool_or(source_table = 'service_interactions'), FALSE) AS has_service
    FROM customer_rows
)
SELECT
    people.user_key,
    CASE WHEN present.has_transactions THEN coalesce(bought.transactions, 0) END AS transactions,
    bought.transaction_amount,
    epoch_us($as_of::TIMESTAMP - bought.last_time) / 86400e6 AS days_since_transaction,
    CASE WHEN present.has_service THEN coalesce(served.service_interactions, 0) END AS service_interactions,
    epoch_us($as_of::TIMESTAMP - served.last_time) / 86400e6 AS days_since_service,
    attributes.attributes,
    $as_of::TIMESTAMP AS as_of
FROM (SELECT DISTINCT user_key FROM customer_rows) AS people
CROSS JOIN present
LEFT JOIN attributes USING (user_key)
LEFT JOIN bought USING (user_key)
LEFT JOIN served USING (user_key)
ORDER BY people.user_key;
