-- What: one row per page view that this load is first to bring, its rows folded into one.
-- Columns: those of raw_events (tables.py). Of several rows, each column has its first known value; the
--   meta tags are the set of all rows' tags, sorted, so that the order of files does not matter.
-- Worked example: rows (page A, title NULL, tag y), (page A, title T, tag x) make one page view with
--   title T and metadata [x, y].
-- Needs: staged_rows, row_outcomes; $load_id.
WITH alone AS (
    SELECT * FROM staged_rows ANTI JOIN row_outcomes USING (event_id) WHERE reason IS NULL
),
together AS (
    SELECT staged.*, staged.file_order * 1000000000000 + staged.row_number AS position
    FROM staged_rows AS staged
    SEMI JOIN (SELECT event_id FROM row_outcomes WHERE NOT is_known) AS fresh USING (event_id)
    WHERE staged.reason IS NULL
),
folded AS (
    SELECT
        event_id,
        arg_min(file_id, position) AS file_id,
        arg_min(source, position) AS source,
        arg_min(user_id, position) AS user_id,
        arg_min(ip, position) AS ip,
        arg_min(event_time, position) AS event_time,
        arg_min(page_url, position) AS page_url,
        arg_min(title, position) AS title,
        flatten(list(metadata) FILTER (metadata IS NOT NULL)) AS metadata,
        arg_min(duration_seconds, position) AS duration_seconds,
        arg_min(duration_kind, position) AS duration_kind,
        arg_min(referrer, position) AS referrer,
        arg_min(transition, position) AS transition,
        arg_min(device, position) AS device,
        arg_min(country, position) AS country,
        arg_min(language, position) AS language,
        arg_min(search_terms, position) AS search_terms,
        arg_min(raw_host, position) AS raw_host
    FROM together
    GROUP BY event_id
)
SELECT * REPLACE (
        CASE WHEN len(metadata) > 1 THEN list_sort(list_distinct(metadata)) ELSE metadata END AS metadata), page_url AS url, $load_id::BIGINT AS load_id
FROM (SELECT COLUMNS(folded.*) FROM folded UNION ALL BY NAME SELECT * EXCLUDE (url) FROM alone)
ORDER BY event_time, event_id;
