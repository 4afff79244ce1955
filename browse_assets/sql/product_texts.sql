-- What: one row per page in whose words products are looked for: all but those that sell one themselves.
-- Columns: page_id, domain, url, text (as dictionaries see it: macros.sql), words (as the names of
--   analysis/product_names.py are written: no accents, + at an end is plus, a space at both ends), search_terms,
--   load_id.
-- Worked example: title "Peloton Bike+ review": words " peloton bike plus review ".
-- Needs: macros.sql; $since: pages of later loads alone.
SELECT
    page_id,
    domain,
    url,
    page_text(url_path(url), title, search_terms) AS text,
    ' ' || trim(regexp_replace(strip_accents(lower(regexp_replace(
        concat_ws(' ', title, search_terms, unescaped(url_path(url))),
        '([0-9A-Za-z])\+(\s|$)', '\1 plus\2', 'g'))), '[^\pL\pN]+', ' ', 'g')) || ' ' AS words,
    search_terms,
    load_id
FROM (
    SELECT page_id, any_value(domain) AS domain, any_value(url) AS url, any_value(title) AS title,
        any_value(search_terms) AS search_terms, min(load_id) AS load_id
    FROM scrubbed_events
    WHERE load_id > $since
      AND page_id NOT IN (SELECT page_id FROM page_products WHERE method IN ('metadata', 'marketplace'))
    GROUP BY page_id
)
ORDER BY page_id;
