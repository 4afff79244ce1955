-- What: one row per page, financial product that it is about, and intent.
-- Columns: page_id, finance_product, intent (shopping or servicing).
-- A page is about the products that its text names; a page of a financial site that names none is about
--   the site's own default product. Servicing (logging in to, using what one has) is decided first: a
--   page that is both is servicing. Shopping is comparing, rates, applying; a page of a comparison site
--   about a product is shopping. Pages with neither intent say nothing about the person and are left.
-- Worked example: nerdwallet.com/best/credit-cards is shopping for credit_cards; secure.chase.com/login
--   is servicing of banking.
-- Needs: pages, finance_names (page_id, finance_product) and finance_intents (page_id, intent), both by
--   the patterns of the reference lists; reference_finance_domains.
WITH intents AS (
    SELECT page_id, bool_or(intent = 'servicing') AS is_servicing, bool_or(intent = 'shopping') AS is_shopping
    FROM finance_intents
    GROUP BY page_id
),
about AS (
    SELECT page_id, finance_product, TRUE AS is_named FROM finance_names
    UNION ALL
    SELECT pages.page_id, sites.default_product, FALSE
    FROM pages
    JOIN reference_finance_domains AS sites USING (domain)
    ANTI JOIN finance_names USING (page_id)
    WHERE coalesce(sites.default_product, '') <> ''
),
judged AS (
    SELECT
        about.page_id,
        about.finance_product,
        sites.domain IS NOT NULL AND coalesce(intents.is_servicing, FALSE) AS is_servicing,
        coalesce(intents.is_shopping, FALSE) OR (sites.kind = 'comparison' AND about.is_named) AS is_shopping
    FROM about
    JOIN pages USING (page_id)
    LEFT JOIN intents USING (page_id)
    LEFT JOIN reference_finance_domains AS sites ON sites.domain = pages.domain
)
SELECT page_id, finance_product, CASE WHEN is_servicing THEN 'servicing' ELSE 'shopping' END AS intent
FROM judged
WHERE is_servicing OR is_shopping;
