-- What: one row per row of a slice of the load, of a page view that several staged rows are about, or that the vault
--   knows. Of all others the first row is accepted, and slice_counts.sql tells what became of its neighbours.
-- Columns: position (file_order and row_number as one number), file_order, event_id, is_known (in the vault before
--   this load), outcome: accepted (the first row of a new page view), folded (brings a meta tag not seen before
--   for it) or duplicate (says nothing new).
-- Worked example: rows (page A, tag x), (page A, tag y), (page A, tag x): accepted, folded, duplicate.
-- Needs: slice_rows; known_events (event_id, metadata of the vault's page views of that time).
WITH known AS (
    SELECT event_id, metadata FROM known_events WHERE event_id IN (SELECT event_id FROM slice_rows)
),
shared AS (
    SELECT staged.event_id, min(staged.position) AS first_position, bool_or(known.event_id IS NOT NULL) AS is_known
    FROM slice_rows AS staged
    LEFT JOIN known USING (event_id)
    GROUP BY staged.event_id
    HAVING count(*) > 1 OR is_known
),
contested AS (
    SELECT
        event_id,
        file_order,
        position + place AS position,
        CASE WHEN rows = 1 THEN metadata ELSE metadata[place + 1:place + 1] END AS metadata,
        is_known,
        place = 0 AND position = first_position AS is_first
    FROM (SELECT *, unnest(range(rows)) AS place FROM slice_rows JOIN shared USING (event_id))
),
tags AS (
    SELECT event_id, position, tag
    FROM (SELECT event_id, position, unnest(metadata) AS tag FROM contested)
    WHERE tag IS NOT NULL
),
known_tags AS (
    SELECT event_id, unnest(metadata) AS tag FROM known
),
first_brought AS (
    SELECT min(position) AS position FROM tags ANTI JOIN known_tags USING (event_id, tag) GROUP BY event_id, tag
),
novel AS (
    SELECT DISTINCT position FROM first_brought
)
SELECT
    contested.position,
    contested.file_order,
    contested.event_id,
    contested.is_known,
    CASE
        WHEN contested.is_first AND NOT contested.is_known THEN 'accepted'
        WHEN novel.position IS NOT NULL THEN 'folded'
        ELSE 'duplicate'
    END AS outcome
FROM contested
LEFT JOIN novel USING (position);
