-- What: one row per page of a financial site, or of a section or page that is one by itself.
-- Columns: page_id, kind (as in finance_domains.csv), default_product ('' for none), known_by (by list, by
--   name, by its page).
-- Worked example: forbes.com/advisor/... is (comparison, '', by list) though forbes.com is none; a page that
--   says "Member FDIC" is (bank, banking, by its page).
-- Needs: pages; finance_sites; reference_finance_sections; finance_signs (page_id, kind).
WITH sections AS (
    SELECT pages.page_id, arg_max({'kind': kind, 'default_product': default_product}, length(path_prefix)) AS site
    FROM pages
    JOIN reference_finance_sections AS sections
        ON (sections.site = pages.domain OR pages.host = sections.site OR ends_with(pages.host, '.' || sections.site))
        AND starts_with(pages.path || '/', sections.path_prefix)
    GROUP BY pages.page_id
),
candidates AS (
    SELECT page_id, 1 AS place, site.kind AS kind, coalesce(site.default_product, '') AS default_product, 'by list' AS known_by
    FROM sections
    UNION ALL
    SELECT page_id, 2, sites.kind, sites.default_product, sites.known_by
    FROM pages JOIN finance_sites AS sites USING (domain)
    UNION ALL
    SELECT page_id, 3, signs.kind, CASE signs.kind WHEN 'bank' THEN 'banking' ELSE '' END, 'by its page'
    FROM (SELECT page_id, min(kind) AS kind FROM finance_signs GROUP BY page_id) AS signs
    JOIN pages USING (page_id)
    WHERE pages.domain NOT IN (SELECT domain FROM reference_domains) AND NOT pages.is_article
)
SELECT page_id, kind, default_product, known_by
FROM candidates
QUALIFY row_number() OVER (PARTITION BY page_id ORDER BY place) = 1;
