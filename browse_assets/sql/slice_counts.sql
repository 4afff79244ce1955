-- What: one row per file with rows in a slice of the load.
-- Columns: file_order, accepted, folded, duplicates: how many of its rows are the first of a new page view, bring a
--   meta tag not seen before for it, or say nothing new.
-- Worked example: one staged row for three neighbours with the tags x, y and x: 1 accepted, 1 folded, 1 duplicate.
-- Needs: slice_rows, row_outcomes.
WITH alone AS (
    SELECT
        file_order,
        rows,
        CASE WHEN has_distinct_tags THEN rows - 1
            WHEN rows > 1 THEN len(list_distinct(metadata)) - (metadata[1] IS NOT NULL)::BIGINT ELSE 0 END AS folded
    FROM slice_rows
    ANTI JOIN row_outcomes USING (event_id)
),
counted AS (
    SELECT file_order, count(*) AS accepted, sum(coalesce(folded, 0)) AS folded,
        sum(rows - 1 - coalesce(folded, 0)) AS duplicates
    FROM alone
    GROUP BY file_order
    UNION ALL
    SELECT file_order, count(*) FILTER (outcome = 'accepted'), count(*) FILTER (outcome = 'folded'),
        count(*) FILTER (outcome = 'duplicate')
    FROM row_outcomes
    GROUP BY file_order
)
SELECT
    file_order,
    sum(accepted)::BIGINT AS accepted,
    sum(folded)::BIGINT AS folded,
    sum(duplicates)::BIGINT AS duplicates
FROM counted
GROUP BY file_order;
