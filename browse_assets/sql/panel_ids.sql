-- What: one row per id of a panel or a customer list, in whose own or in all texts it is looked for.
-- Columns: user_id, of at least 5 characters.
-- A history's owner is a folder's name, which may be a word of the language, or the hash of its file. That holds in a
--   customer list too: the scrubbing leaves such names, and a search for them would fail every run from then on.
-- Worked example: page views of panelist-0001 in a CSV and of my-chrome in a history: panelist-0001.
SELECT DISTINCT user_id
FROM (
    SELECT user_id FROM vault.main.raw_events WHERE source IN ('csv', 'jsonl', 'json_array', 'parquet')
    UNION ALL
    SELECT user_id FROM vault.main.raw_customers WHERE user_id NOT IN (
        SELECT user_id FROM vault.main.raw_events WHERE source NOT IN ('csv', 'jsonl', 'json_array', 'parquet'))
)
WHERE length(user_id) >= 5;
