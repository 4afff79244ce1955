-- What: one row per person and product that the person touched, with stage and newness to the person.
-- Columns: those of product_interest (tables.py).
-- is_new_to_person: first seen at most 60 days before as_of; NULL when the person was not yet seen 28
--   days before that first touch, since then everything is new to them.
-- Worked example: first touch 10 days before as_of, person known for a year: TRUE.
-- Needs: scored (interest.py), touched (touches.sql), product_events (product_events.sql); $as_of, $stages in order.
WITH stages AS (
    SELECT user_key, item AS product_id, max(list_position($stages, stage)) AS furthest
    FROM product_events
    GROUP BY ALL
),
known_since AS (
    SELECT user_key, min(event_time) AS first_time FROM scrubbed_events GROUP BY ALL
)
SELECT
    scored.* REPLACE (scored.user_key::UUID AS user_key),
    scored.item AS product_id,
    touched.evidence,
    $stages[stages.furthest] AS stage,
    epoch_us($as_of::TIMESTAMP - scored.last_seen) / 86400e6 AS recency_days,
    scored.sessions / greatest(1, epoch_us($as_of::TIMESTAMP - scored.first_seen) / 86400e6) AS visits_per_day,
    CASE
        WHEN scored.first_seen < $as_of::TIMESTAMP - INTERVAL 60 DAY THEN FALSE
        WHEN scored.first_seen < known_since.first_time + INTERVAL 28 DAY THEN NULL
        ELSE TRUE
    END AS is_new_to_person,
    $as_of::TIMESTAMP AS as_of
FROM scored
JOIN touched ON touched.user_key = scored.user_key::UUID AND touched.item = scored.item
JOIN stages ON stages.user_key = scored.user_key::UUID AND stages.product_id = scored.item
JOIN known_since ON known_since.user_key = scored.user_key::UUID
ORDER BY ALL;
