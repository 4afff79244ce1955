-- What: one row per product seen in the panel up to $as_of.
-- Columns: product_id, name, brand, category, method, first_seen, launch_date, is_new, as_of.
-- A name from a page can be a person's ("mug for ..."): it is told when a list has the product, when it is a listed
--   brand with a model number, when two shops that name its brand sell it, or when $min_group people saw it.
-- A product is new when it was launched, or first seen in the panel, at most 90 days before as_of. When
--   no launch date is known and the panel itself is younger than 90 days plus a four-week start-up, in
--   which everything is seen for the first time, nobody can tell: is_new is NULL.
-- A date of the watch list goes before that of the other list.
-- Worked example: first seen 10 days before as_of in a panel of 200 days: new.
-- Needs: product_events (sql/product_events.sql), listed (product_id, method, name, brand, category, launch_date);
--   $as_of, $min_group.
WITH panel AS (
    SELECT min(event_time) AS panel_start FROM scrubbed_events
),
seen AS (
    SELECT item AS product_id, min(event_time) AS first_seen, count(DISTINCT user_key) AS people
    FROM product_events
    GROUP BY ALL
),
pages AS (
    SELECT page_products.*, on_domain.domain
    FROM page_products
    JOIN (SELECT page_id, any_value(domain) AS domain FROM product_events GROUP BY page_id) AS on_domain USING (page_id)
),
spelled AS (
    SELECT product_id, name, count(*) AS n FROM pages WHERE name <> '' GROUP BY ALL
),
told AS (
    SELECT
        product_id,
        min(list_position(['metadata', 'marketplace', 'watch_list', 'product_list', 'title'], method)) AS surest,
        coalesce(bool_or(is_nameable), FALSE)
            OR count(DISTINCT domain) FILTER (WHERE method = 'metadata' AND is_specific AND brand IS NOT NULL) >= 2 AS is_told,
        mode(brand ORDER BY brand) FILTER (WHERE brand IS NOT NULL) AS brand,
        mode(category ORDER BY category) FILTER (WHERE category IS NOT NULL) AS category
    FROM pages
    GROUP BY ALL
),
named AS (
    SELECT seen.*, told.* EXCLUDE (product_id), told.is_told OR seen.people >= $min_group AS is_shown,
        spelled.name, listed.name AS listed_name, listed.brand AS listed_brand, listed.category AS listed_category,
        listed.launch_date
    FROM seen
    JOIN told USING (product_id)
    LEFT JOIN (
        SELECT product_id, arg_min(name, (-n, name)) AS name FROM spelled GROUP BY ALL
    ) AS spelled USING (product_id)
    LEFT JOIN (
        SELECT product_id, arg_max(name, method) AS name, max(brand) AS brand, max(category) AS category,
            arg_max(launch_date, method) FILTER (WHERE launch_date IS NOT NULL) AS launch_date
        FROM listed GROUP BY ALL
    ) AS listed USING (product_id)
)
SELECT
    product_id,
    coalesce(listed_name, CASE WHEN is_shown THEN named.name END) AS name,
    coalesce(listed_brand, CASE WHEN is_shown OR listed_name IS NOT NULL THEN brand END) AS brand,
    coalesce(listed_category, CASE WHEN is_shown OR listed_name IS NOT NULL THEN category END) AS category,
    (['metadata', 'marketplace', 'watch_list', 'product_list', 'title'])[surest] AS method,
    first_seen,
    launch_date,
    CASE
        WHEN launch_date IS NOT NULL THEN launch_date >= $as_of::TIMESTAMP - INTERVAL 90 DAY
        WHEN first_seen < $as_of::TIMESTAMP - INTERVAL 90 DAY THEN FALSE
        WHEN first_seen < panel.panel_start + INTERVAL 28 DAY THEN NULL
        ELSE TRUE
    END AS is_new,
    $as_of::TIMESTAMP AS as_of
FROM named
CROSS JOIN panel
ORDER BY product_id;
