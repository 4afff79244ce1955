-- What: one row per row of customers/churn_labels of a person who may leave the vault.
-- Columns: user_key, event_time (as_of of the label; NULL where none is given), churned (NULL where it cannot be read:
--   never guessed), is_time_unread (a time is given and cannot be read: the label then stands for no time).
-- Worked example: churned 'Yes', as_of '2026-05-01': (true, 2026-05-01); churned 'maybe': NULL.
-- Needs: macros.sql; admitted_customers; user_keys.
SELECT
    user_key,
    event_time,
    CASE
        WHEN label IN ('true', 't', 'yes', 'y', '1', '1.0', 'churned', 'churn', 'left', 'leaver', 'lost', 'gone',
            'cancelled', 'canceled', 'exited', 'attrited', 'attrited customer') THEN TRUE
        WHEN label IN ('false', 'f', 'no', 'n', '0', '0.0', 'stayed', 'stay', 'stays', 'retained', 'kept', 'active', 'current',
            'not churned', 'no churn', 'existing', 'existing customer') THEN FALSE
    END AS churned,
    event_time IS NULL
        AND declared(entries, ['timestamp', 'eventtime', 'datetime', 'ts', 'time', 'date', 'asof']) IS NOT NULL AS is_time_unread
FROM (
    SELECT user_key, event_time, entries, lower(declared(entries, ['churned', 'churn', 'ischurned', 'haschurned', 'churnflag',
        'churnlabel', 'churnvalue', 'label', 'exited', 'attrition', 'attritionflag', 'left', 'status'])) AS label
    FROM (
        SELECT keys.user_key, raw.event_time, declared_columns(raw.attributes) AS entries
        FROM admitted_customers AS raw
        JOIN user_keys AS keys USING (user_id)
        WHERE raw.source_table = 'churn_labels'
    )
)
ORDER BY ALL;
