-- What: one row per file of this load that could be read, with its counts.
-- Columns: file_id, rows_read, accepted, folded, duplicates, rejected, first_event, last_event.
-- Worked example: a file of 5 rows: 3 new page views, 1 more tag, 1 without a person: 5 = 3 + 1 + 0 + 1.
-- Needs: staged_rows, staged_files, slice_counts (file_order, accepted, folded, duplicates of each slice).
WITH slices AS (
    SELECT file_order, sum(accepted) AS accepted, sum(folded) AS folded, sum(duplicates) AS duplicates
    FROM slice_counts
    GROUP BY file_order
),
files AS (
    SELECT
        file_order,
        sum(rows)::BIGINT AS rows_read,
        coalesce(sum(rows) FILTER (reason IS NOT NULL), 0)::BIGINT AS rejected,
        min(event_time) FILTER (reason IS NULL) AS first_event,
        max(event_time) FILTER (reason IS NULL) AS last_event
    FROM staged_rows
    GROUP BY file_order
)
SELECT
    file_id,
    rows_read,
    coalesce(accepted, 0)::BIGINT AS accepted,
    coalesce(folded, 0)::BIGINT AS folded,
    coalesce(duplicates, 0)::BIGINT AS duplicates,
    rejected,
    first_event,
    last_event
FROM files
JOIN staged_files USING (file_order)
LEFT JOIN slices USING (file_order);
