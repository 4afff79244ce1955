-- What: one row per distinct page up to $as_of, with what tells its language and what its reader is up to.
-- Columns: page_id, host, domain, tld (last label of the host), path (lower case), text (as page_text),
--   words (lower-case text of title, search terms and description), declared_language (two letters; of the
--   event or a meta tag).
-- Worked example: https://www.example.de/kinderwagen, title "Der beste Kinderwagen", og:locale de_DE:
--   tld de, path /kinderwagen, text " kinderwagen der beste kinderwagen", declared_language de.
-- Needs: macros.sql.
WITH pages AS (
    SELECT
        page_id,
        any_value(host) AS host,
        any_value(domain) AS domain,
        any_value(url) AS url,
        any_value(title) AS title,
        any_value(search_terms) AS search_terms,
        any_value(metadata) AS metadata,
        any_value(language) AS language
    FROM scrubbed_events
    WHERE event_time <= $as_of::TIMESTAMP
    GROUP BY page_id
)
SELECT
    page_id,
    host,
    domain,
    regexp_extract(host, '\.([a-z]+)$', 1) AS tld,
    lower(url_path(url)) AS path,
    page_text(url_path(url), title, search_terms) AS text,
    lower(concat_ws(' ', title, search_terms, list_filter(metadata, lambda tag: lower(tag.name) IN ('description', 'og:description'))[1].content)) AS words,
    nullif(regexp_extract(lower(coalesce(language, list_filter(metadata, lambda tag: lower(tag.name) IN ('og:locale', 'content-language', 'language', 'dc.language', 'dcterms.language', 'inlanguage'))[1].content)), '^([a-z]{2})(?:[-_]|$)', 1), '') AS declared_language
FROM pages
ORDER BY page_id;
