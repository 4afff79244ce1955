-- What: one row per distinct page text up to $as_of that the guards say may name a product.
-- Columns: page_id, host, domain, url, title, search_terms, path_text, text.
-- Each distinct page is labelled once, not each visit.
-- Worked example: https://example.com/credit-cards/compare, title "Best cards": text
--   "credit cards compare best cards".
-- Needs: macros.sql; variable page_guard, a regular expression, and guarded_domains (domain), whose
--   pages are taken whatever they say.
WITH texts AS (
    SELECT
        host,
        domain,
        url,
        title,
        search_terms,
        page_text(url_path(url), NULL, NULL) AS path_text,
        page_text(url_path(url), title, search_terms) AS text
    FROM (
        SELECT DISTINCT host, domain, url, title, search_terms
        FROM scrubbed_events
        WHERE event_time <= $as_of::TIMESTAMP
    )
)
SELECT row_number() OVER (ORDER BY url, title, search_terms) AS page_id, texts.*
FROM texts
WHERE regexp_matches(text, getvariable('page_guard')) OR domain IN (SELECT domain FROM guarded_domains)
ORDER BY page_id;
