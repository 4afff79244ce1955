-- What: one row per suspect, scrubbed.
-- Columns: event_id; url, title, metadata: NULL where the page view's own stays; terms; removed (list of
--   {column_name, kind, n}, NULL for none).
-- Worked example: https://me:pw@shop.example.com/u/ann?q=1 becomes https://shop.example.com/u/{user},
--   removed = [(url, credentials, 1), (url, parameter, 1), (url, user, 1)].
-- Needs: macros.sql; suspects, suspect_tags, clean_addresses, judged_texts, judged_technical.
WITH tags AS (
    SELECT
        event_id,
        list({'name': name, 'content': CASE WHEN tags.address IS NOT NULL THEN coalesce(addresses.clean, '{undecodable}')
            ELSE coalesce(technical_texts.clean, texts.clean, content) END} ORDER BY place) AS metadata,
        flatten(list(CASE WHEN tags.address IS NOT NULL THEN coalesce(addresses.removed, ['undecodable'])
            ELSE kinds_replaced(content, coalesce(technical_texts.clean, texts.clean)) END)) AS removed
    FROM suspect_tags AS tags
    LEFT JOIN clean_addresses AS addresses ON addresses.address = tags.address
    LEFT JOIN judged_technical AS technical_texts ON technical_texts.text = tags.technical
    LEFT JOIN judged_texts AS texts ON texts.text = tags.plain
    GROUP BY event_id
),
scrubbed AS (
    SELECT
        suspects.*,
        addresses.counted AS url_counted,
        tags.removed AS tags_removed,
        without_own_id(addresses.clean, own_id) AS clean_url,
        without_own_id(CASE WHEN suspects.title IS NOT NULL THEN coalesce(titles.clean, suspects.title) END, own_id) AS clean_title,
        without_own_id(coalesce(searches.clean, suspects.terms), own_id) AS clean_terms,
        CASE WHEN suspects.metadata IS NOT NULL THEN tags_without_own_id(coalesce(tags.metadata, []), own_id) END AS clean_metadata
    FROM suspects
    LEFT JOIN clean_addresses AS addresses ON addresses.address = suspects.url
    LEFT JOIN judged_texts AS titles ON titles.text = suspects.title
    LEFT JOIN judged_texts AS searches ON searches.text = suspects.terms
    LEFT JOIN tags USING (event_id)
)
SELECT
    event_id,
    clean_url AS url,
    clean_title AS title,
    clean_terms AS terms,
    clean_metadata AS metadata,
    nullif(
        CASE WHEN title IS NULL AND metadata IS NULL AND terms IS NOT DISTINCT FROM clean_terms THEN url_counted
            ELSE coalesce(url_counted, [])
                || counted_kinds('title', kinds_replaced(title, clean_title))
                || counted_kinds('search_terms', kinds_replaced(terms, clean_terms))
                || counted_kinds('metadata', coalesce(tags_removed, [])
                    || list_resize([]::VARCHAR[], coalesce(len(metadata) - len(clean_metadata), 0), 'personal_tag'))
        END,
        []) AS removed
FROM scrubbed;
