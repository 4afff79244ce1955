-- What: one row per distinct page of loads after $since that was not judged yet.
-- Columns: page_id, host, domain, site (first label of the domain), url, title, search_terms, metadata, load_id.
-- Visits of one page differ in nothing but person and time, so any of them stands for it.
-- Worked example: a page visited in loads 3 and 4, judged in 3: no row.
-- Needs: $since; page_products.
SELECT
    page_id,
    any_value(host) AS host,
    any_value(domain) AS domain,
    split_part(any_value(domain), '.', 1) AS site,
    any_value(url) AS url,
    any_value(title) AS title,
    any_value(search_terms) AS search_terms,
    any_value(metadata) AS metadata,
    min(load_id) AS load_id
FROM scrubbed_events
ANTI JOIN page_products USING (page_id)
WHERE load_id > $since
GROUP BY page_id
ORDER BY page_id;
