-- What: one row per product seen in the panel up to $as_of.
-- Columns: product_id, name, brand, category, method, first_seen, launch_date, is_new, as_of.
-- A product is new when it was launched, or first seen in the panel, at most 90 days before as_of. When
--   no launch date is known and the panel itself is younger than 90 days plus a four-week start-up, in
--   which everything is seen for the first time, nobody can tell: is_new is NULL.
-- Worked example: first seen 10 days before as_of in a panel of 200 days: new.
-- Needs: item_events (item = product_id), reference_products; $as_of.
WITH panel AS (
    SELECT min(event_time) AS panel_start FROM scrubbed_events
),
seen AS (
    SELECT item AS product_id, min(event_time) AS first_seen FROM item_events GROUP BY ALL
)
SELECT
    seen.product_id,
    products.name,
    nullif(products.brand, '') AS brand,
    nullif(products.category, '') AS category,
    'watch_list' AS method,
    seen.first_seen,
    try_cast(nullif(products.launch_date, '') AS DATE) AS launch_date,
    CASE
        WHEN try_cast(nullif(products.launch_date, '') AS DATE) IS NOT NULL
            THEN try_cast(products.launch_date AS DATE) >= $as_of::TIMESTAMP - INTERVAL 90 DAY
        WHEN seen.first_seen < $as_of::TIMESTAMP - INTERVAL 90 DAY THEN FALSE
        WHEN seen.first_seen < panel.panel_start + INTERVAL 28 DAY THEN NULL
        ELSE TRUE
    END AS is_new,
    $as_of::TIMESTAMP AS as_of
FROM seen
JOIN reference_products AS products USING (product_id)
CROSS JOIN panel
ORDER BY seen.product_id;
