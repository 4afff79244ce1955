-- What: one row per file of this load that could be read, with its counts.
-- Columns: file_id, rows_read, accepted, folded, duplicates, rejected, first_event, last_event.
-- Worked example: a file of 5 rows: 3 new page views, 1 more tag, 1 without a person: 5 = 3 + 1 + 0 + 1.
SELECT
    file_id,
    count(*) AS rows_read,
    count(*) FILTER (staged.reason IS NULL AND coalesce(outcomes.outcome, 'accepted') = 'accepted') AS accepted,
    count(*) FILTER (outcomes.outcome = 'folded') AS folded,
    count(*) FILTER (outcomes.outcome = 'duplicate') AS duplicates,
    count(*) FILTER (staged.reason IS NOT NULL) AS rejected,
    min(staged.event_time) FILTER (staged.reason IS NULL) AS first_event,
    max(staged.event_time) FILTER (staged.reason IS NULL) AS last_event
FROM staged_rows AS staged
JOIN staged_files USING (file_order)
LEFT JOIN row_outcomes AS outcomes USING (position)
GROUP BY file_id;
