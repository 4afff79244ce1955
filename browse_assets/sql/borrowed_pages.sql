-- What: one row per staged row that brings meta tags, names no page itself and stands beside rows of the
--   same person and time that do: its page is the last one named before it in the file, else the first after it.
-- Columns: file_order, row_number, page_url.
-- Worked example: rows (1: og:title), (2: og:url https://example.com/a), (3: og:type) of one person and
--   time, all without url: rows 1 and 3 are about https://example.com/a.
WITH missing AS (
    SELECT DISTINCT file_order, user_id, event_time FROM staged_rows WHERE reason = 'no_url'
),
together AS (
    SELECT staged.file_order, staged.row_number, CASE WHEN reason IS NULL THEN coalesce(other_page, url) END AS page_url,
        staged.user_id, staged.event_time,
        len(staged.metadata) > 0 AS has_tags
    FROM staged_rows AS staged
    SEMI JOIN missing USING (file_order, user_id, event_time)
    WHERE staged.reason IS NULL OR staged.reason = 'no_url'
),
borrowed AS (
    SELECT
        file_order,
        row_number,
        page_url AS own_page,
        has_tags,
        coalesce(
            last_value(page_url IGNORE NULLS) OVER (
                same_visit ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
            first_value(page_url IGNORE NULLS) OVER (
                same_visit ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)
        ) AS page_url
    FROM together
    WINDOW same_visit AS (PARTITION BY file_order, user_id, event_time ORDER BY row_number)
)
SELECT file_order, row_number, page_url FROM borrowed WHERE own_page IS NULL AND page_url IS NOT NULL AND has_tags;
