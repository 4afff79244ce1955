-- What: one row per distinct page that loads after $after and up to $up_to brought: its texts.
-- Columns: url, title, metadata, search_terms, as in scrubbed_events.
-- A page's texts are equal in all its events, so its first row stands for it: a fifth of the rows in the benchmark's 10
--   million, and a third of the time that all of them take to search.
-- Worked example: three visits of one page and one of another: two rows.
SELECT url, title, metadata, search_terms
FROM scrubbed_events
WHERE rowid IN (
    SELECT min(rowid) FROM scrubbed_events WHERE load_id > $after::BIGINT AND load_id <= $up_to::BIGINT GROUP BY page_id);
