-- What: one row per file, column and kind of personal data removed, for the files in touched_files.
-- Columns: file_id, column_name, kind, values_removed.
-- Worked example: a file with 3 page views, all with an address, one e-mail in a title:
--   (ip, ip, 3), (user_id, pseudonymised, 3), (title, email, 1).
-- Needs: touched_files; admitted_events (page views of the vault that may leave it).
SELECT file_id, removal.column_name, removal.kind, sum(removal.n)::BIGINT AS values_removed
FROM (
    SELECT file_id, unnest(removed) AS removal
    FROM scrubbed_events
    SEMI JOIN touched_files USING (file_id)
    WHERE removed IS NOT NULL
)
GROUP BY ALL
UNION ALL
SELECT file_id, 'ip', 'ip', count(nullif(trim(ip), ''))
FROM admitted_events SEMI JOIN touched_files USING (file_id)
GROUP BY file_id
HAVING count(nullif(trim(ip), '')) > 0
UNION ALL
SELECT file_id, 'user_id', 'pseudonymised', count(*)
FROM admitted_events SEMI JOIN touched_files USING (file_id)
GROUP BY file_id
ORDER BY ALL;
