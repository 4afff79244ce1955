-- What: one row per person, product and cut-off: what was seen before the cut-off, and whether they came back.
-- Columns: cutoff, user_key, product_id, visits (days with a visit), sessions, decayed_sessions, first_days and
--   last_days (from the first and the last visit to the cut-off), stage (position in $stages), people (who visited the
--   product in the 28 days before), person_days (the person's days with any event in the 28 days before), returned.
-- Worked example: visits on 1 and 5 June, cut-off 10 June: visits 2, first_days 9, last_days 5; a visit on 20 June:
--   returned.
-- Needs: macros.sql; product_events, cutoffs (cutoff TIMESTAMP); $stages, $horizon in days.
WITH before AS (
    SELECT
        cutoff,
        events.user_key,
        events.item AS product_id,
        count(DISTINCT event_time::DATE) AS visits,
        count(DISTINCT session_id) AS sessions,
        epoch_us(cutoff - min(event_time)) / 86400e6 AS first_days,
        epoch_us(cutoff - max(event_time)) / 86400e6 AS last_days,
        max(list_position($stages, stage)) AS stage
    FROM product_events AS events, cutoffs
    WHERE event_time < cutoff
    GROUP BY cutoff, events.user_key, events.item
),
weights AS (
    SELECT cutoff, user_key, product_id,
        sum((decay(session_time, cutoff) * 1000000000)::BIGINT)::DOUBLE / 1000000000 AS decayed_sessions
    FROM (
        SELECT cutoff, events.user_key, events.item AS product_id, session_id, min(event_time) AS session_time
        FROM product_events AS events, cutoffs
        WHERE event_time < cutoff
        GROUP BY ALL
    )
    GROUP BY ALL
),
after AS (
    SELECT DISTINCT cutoff, events.user_key, events.item AS product_id
    FROM product_events AS events, cutoffs
    WHERE event_time >= cutoff AND event_time < cutoff + to_days($horizon)
),
popular AS (
    SELECT cutoff, events.item AS product_id, count(DISTINCT user_key) AS people
    FROM product_events AS events, cutoffs
    WHERE event_time < cutoff AND event_time >= cutoff - INTERVAL 28 DAY
    GROUP BY ALL
),
active AS (
    SELECT cutoff, user_key, count(DISTINCT event_time::DATE) AS person_days
    FROM scrubbed_events, cutoffs
    WHERE event_time < cutoff AND event_time >= cutoff - INTERVAL 28 DAY
    GROUP BY ALL
)
SELECT
    before.*,
    weights.decayed_sessions,
    coalesce(popular.people, 0) AS people,
    coalesce(active.person_days, 0) AS person_days,
    after.user_key IS NOT NULL AS returned
FROM before
JOIN weights USING (cutoff, user_key, product_id)
LEFT JOIN popular USING (cutoff, product_id)
LEFT JOIN active USING (cutoff, user_key)
LEFT JOIN after USING (cutoff, user_key, product_id)
ORDER BY cutoff, user_key, product_id;
