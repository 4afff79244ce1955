-- What: one row per staged row of a page view that several rows are about, or that the vault knows.
--   All other rows are accepted, or rejected with their reason.
-- Columns: file_order, row_number, event_id, is_known (in the vault before this load), outcome:
--   accepted (the first row of a new page view), folded (brings a meta tag not seen before for it) or
--   duplicate (says nothing new).
-- Worked example: rows (page A, tag x), (page A, tag y), (page A, tag x): accepted, folded, duplicate.
WITH bounds AS (
    SELECT min(event_time) AS first_time, max(event_time) AS last_time FROM staged_rows WHERE reason IS NULL
),
known AS (
    SELECT event_id, metadata
    FROM vault.main.raw_events
    WHERE event_time BETWEEN (SELECT first_time FROM bounds) AND (SELECT last_time FROM bounds)
      AND event_id IN (SELECT event_id FROM staged_rows WHERE reason IS NULL)
),
shared AS (
    SELECT event_id FROM staged_rows WHERE reason IS NULL GROUP BY event_id HAVING count(*) > 1
    UNION
    SELECT event_id FROM known
),
contested AS (
    SELECT event_id, file_order, row_number, metadata
    FROM staged_rows
    SEMI JOIN shared USING (event_id)
    WHERE reason IS NULL
),
tags AS (
    SELECT event_id, file_order, row_number, unnest(metadata) AS tag FROM contested
),
known_tags AS (
    SELECT event_id, unnest(metadata) AS tag FROM known
),
first_brought AS (
    SELECT file_order, row_number
    FROM tags
    ANTI JOIN known_tags USING (event_id, tag)
    QUALIFY row_number() OVER (PARTITION BY event_id, tag ORDER BY file_order, row_number) = 1
),
novel AS (
    SELECT DISTINCT file_order, row_number FROM first_brought
)
SELECT
    contested.file_order,
    contested.row_number,
    contested.event_id,
    known.event_id IS NOT NULL AS is_known,
    CASE
        WHEN known.event_id IS NULL AND row_number() OVER (
            PARTITION BY contested.event_id ORDER BY contested.file_order, contested.row_number) = 1
            THEN 'accepted'
        WHEN novel.row_number IS NOT NULL THEN 'folded'
        ELSE 'duplicate'
    END AS outcome
FROM contested
LEFT JOIN known USING (event_id)
LEFT JOIN novel USING (file_order, row_number);
