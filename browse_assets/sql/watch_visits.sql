-- What: one row per person and watched product, with the visits where there are any.
-- Columns: user_key, watch_name, product_id, description, sessions, active_days, last_seen, recency_days, probability,
--   is_interested: of product_interest; sessions 0 and the others NULL for who never visited it.
-- Worked example: 300 people and 4 watched products: 1,200 rows.
-- Needs: watched (product_id, name, description), product_interest; $as_of.
SELECT
    people.user_key,
    watched.name AS watch_name,
    watched.product_id,
    watched.description,
    coalesce(visits.sessions, 0) AS sessions,
    visits.active_days,
    visits.last_seen,
    visits.recency_days,
    visits.probability,
    visits.is_interested
FROM (SELECT DISTINCT user_key FROM scrubbed_events WHERE event_time <= $as_of::TIMESTAMP) AS people
CROSS JOIN watched
LEFT JOIN product_interest AS visits USING (user_key, product_id)
ORDER BY user_key, watch_name;
