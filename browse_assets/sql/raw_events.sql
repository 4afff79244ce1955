-- What: one row per page view that a slice of the load is first to bring, its rows folded into one.
-- Columns: those of raw_events (tables.py). Of several rows, each column has its first known value; the
--   meta tags are the set of all rows' tags, sorted, so that the order of files does not matter.
-- Worked example: rows (page A, title NULL, tag y), (page A, title T, tag x) make one page view with
--   title T and metadata [x, y].
-- The rows of a page view mostly repeat each other, so its first row stands for all; only where another knows a
--   column that the first does not are columns looked for one by one.
-- Needs: slice_rows, staged_files, row_outcomes; $load_id.
WITH shared AS (
    SELECT
        event_id,
        min(position) AS first_position,
        any_value(is_known) AS is_known,
        bit_or(known) <> arg_min(known, position) AS is_partial,
        flatten(list(metadata) FILTER (metadata IS NOT NULL)) AS metadata
    FROM (
        SELECT event_id, position, metadata,
            (ip IS NOT NULL)::BIGINT + 2 * (title IS NOT NULL)::BIGINT + 4 * (duration_seconds IS NOT NULL)::BIGINT
                + 8 * (duration_kind IS NOT NULL)::BIGINT + 16 * (referrer IS NOT NULL)::BIGINT
                + 32 * (transition IS NOT NULL)::BIGINT + 64 * (device IS NOT NULL)::BIGINT
                + 128 * (country IS NOT NULL)::BIGINT + 256 * (language IS NOT NULL)::BIGINT
                + 512 * (search_terms IS NOT NULL)::BIGINT AS known
        FROM slice_rows
    )
    JOIN (SELECT event_id, any_value(is_known) AS is_known FROM row_outcomes GROUP BY event_id) AS outcomes
        USING (event_id)
    GROUP BY event_id
),
filled AS (
    SELECT
        event_id,
        arg_min(ip, position) AS ip,
        arg_min(title, position) AS title,
        arg_min(duration_seconds, position) AS duration_seconds,
        arg_min(duration_kind, position) AS duration_kind,
        arg_min(referrer, position) AS referrer,
        arg_min(transition, position) AS transition,
        arg_min(device, position) AS device,
        arg_min(country, position) AS country,
        arg_min(language, position) AS language,
        arg_min(search_terms, position) AS search_terms
    FROM slice_rows
    SEMI JOIN (SELECT event_id FROM shared WHERE is_partial AND NOT is_known) AS partial USING (event_id)
    GROUP BY event_id
)
SELECT
    staged.event_id,
    file_id,
    source,
    user_id,
    coalesce(staged.ip, filled.ip) AS ip,
    event_time,
    coalesce(other_page, url) AS url,
    coalesce(staged.title, filled.title) AS title,
    CASE WHEN shared.event_id IS NULL AND (has_distinct_tags OR len(staged.metadata) <= 1) THEN list_sort(staged.metadata)
        ELSE nullif(list_sort(list_distinct(coalesce(shared.metadata, staged.metadata))), []) END AS metadata,
    coalesce(staged.duration_seconds, filled.duration_seconds) AS duration_seconds,
    coalesce(staged.duration_kind, filled.duration_kind) AS duration_kind,
    coalesce(staged.referrer, filled.referrer) AS referrer,
    coalesce(staged.transition, filled.transition) AS transition,
    coalesce(staged.device, filled.device) AS device,
    coalesce(staged.country, filled.country) AS country,
    coalesce(staged.language, filled.language) AS language,
    coalesce(staged.search_terms, filled.search_terms) AS search_terms,
    raw_host,
    $load_id::BIGINT AS load_id
FROM slice_rows AS staged
JOIN staged_files USING (file_order)
LEFT JOIN shared ON shared.event_id = staged.event_id
LEFT JOIN filled ON filled.event_id = staged.event_id
WHERE shared.event_id IS NULL OR (NOT shared.is_known AND staged.position = shared.first_position);
