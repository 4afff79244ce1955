-- What: one row per consent that grants something.
-- Columns: user_id, purpose, valid_from, valid_to (exclusive; infinity when open-ended), all UTC.
-- Worked example: ann, research, 2026-01-01, empty: from then on. A row with a problem (an unreadable time,
--   an unknown purpose) grants nothing and is not here.
SELECT
    user_id,
    attributes ->> 'purpose' AS purpose,
    (attributes ->> 'from')::TIMESTAMP AS valid_from,
    coalesce((attributes ->> 'to')::TIMESTAMP, 'infinity'::TIMESTAMP) AS valid_to
FROM vault.main.raw_customers
WHERE source_table = 'consent' AND row_number > 0 AND (attributes ->> 'problem') IS NULL
ORDER BY ALL;
