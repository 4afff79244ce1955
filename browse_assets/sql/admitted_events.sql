-- What: one row per page view of the vault that may leave it: of a later load than the variable
--   admitted_since, by a person whose consent, for any purpose, covers its time.
-- Columns: those of raw_events (tables.py).
-- Worked example: consent from 1 May to 1 June: a page view of 1 May 00:00 is admitted, one of 1 June
--   00:00 is not.
-- Needs: consents (consents.sql); SET VARIABLE admitted_since.
SELECT raw.*
FROM vault.main.raw_events AS raw
SEMI JOIN consents
    ON consents.user_id = raw.user_id
    AND raw.event_time >= consents.valid_from
    AND raw.event_time < consents.valid_to
WHERE raw.load_id > getvariable('admitted_since');
