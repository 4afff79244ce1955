-- What: one row per distinct page that loads after $after and up to $up_to brought: where its first event lies.
-- Columns: first_row (of scrubbed_events' rowid).
-- A page's texts are equal in all its events, so one of them stands for it: an eighth of the rows in the benchmark's 10
--   million.
-- Worked example: three visits of one page and one of another: two rows.
SELECT min(rowid) AS first_row
FROM scrubbed_events
WHERE load_id > $after::BIGINT AND load_id <= $up_to::BIGINT
GROUP BY page_id;
