-- What: one row per admitted page view in which something has to be looked at.
-- Columns: event_id; raw_host; url, title, metadata: NULL where they stay as they are; terms: what was searched for,
--   as it came in; own_id: the panel's id of the person in lower case.
-- Worked example: https://shop.example.com/shoes?page=2 with the title 'Shoes' is no row;
--   https://shop.example.com/shoes?sid=1 is one, with its url and title NULL.
-- Needs: macros.sql, guards.sql; admitted_events, hosts, search_engines.
WITH named AS (
    SELECT
        raw.event_id,
        raw_host,
        raw.url,
        raw.title,
        raw.metadata,
        page.has_accounts,
        page.host = raw_host AS has_shown_host,
        raw.search_terms,
        CASE WHEN engine.domain IS NOT NULL AND raw.search_terms IS NULL
            THEN nullif(term_of(raw.url, engine.term_parameter), '') END AS searched,
        engine.domain IS NOT NULL AS is_engine,
        -- A panel's ids only: a history file is named by its folder, which may be a word of the language.
        CASE WHEN raw.source IN ('csv', 'jsonl', 'json_array', 'parquet') AND length(raw.user_id) >= 5
            THEN lower(raw.user_id)
        END AS own_id
    FROM admitted_events AS raw
    JOIN hosts AS page USING (raw_host)
    LEFT JOIN search_engines AS engine ON engine.domain = page.domain
),
tagged AS (
    SELECT DISTINCT event_id
    FROM (SELECT event_id, unnest(metadata) AS tag FROM admitted_events WHERE metadata IS NOT NULL)
    WHERE NOT coalesce(is_clean_tag(tag.name, tag.content), FALSE) OR may_hold_id(tag.content)
),
looked_at AS (
    SELECT
        named.event_id,
        raw_host,
        CASE WHEN has_accounts OR is_engine OR NOT has_shown_host OR NOT is_clean_address(url) OR may_hold_id(url)
            THEN url END AS url,
        CASE WHEN is_suspect_text(title) OR may_hold_id(title) THEN title END AS title,
        CASE WHEN tagged.event_id IS NOT NULL THEN metadata END AS metadata,
        search_terms,
        spaced,
        own_id
    FROM (SELECT *, replace(searched, '+', ' ') AS spaced FROM named) AS named
    LEFT JOIN tagged USING (event_id)
)
SELECT * EXCLUDE (search_terms, spaced), coalesce(search_terms, unescaped(spaced)) AS terms
FROM looked_at
WHERE coalesce(url, title, search_terms, spaced) IS NOT NULL OR metadata IS NOT NULL;
