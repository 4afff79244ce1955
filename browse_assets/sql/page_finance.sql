-- What: one row per page, financial product that it is about, and what a visit of it shows.
-- Columns: page_id, finance_product, intent (shopping or servicing), is_front_page, why.
-- About which products: those that search terms name, else path and subdomain, else title; on a financial
--   site then the looser words of such sites, else description and keywords, else the site's own product; last, what a
--   thing and an offer name together (finance_together.sql).
-- Servicing (logging in to, using what one has) is decided first, and only on sites of providers and in
--   search terms. Shopping is comparing, rates, applying: on other sites the words for it must be there
--   too, and news is reading. Debt relief, jobs, a company's own news and look-alikes are neither.
-- Worked example: nerdwallet.com/best/credit-cards is shopping for credit_cards; secure.chase.com/login
--   is servicing of banking; chase.com/careers/credit-cards is neither.
-- Needs: pages (finance_texts.sql); finance_named (page_id, field, finance_product), finance_intents
--   (page_id, field, intent), finance_vetoes (page_id, veto); page_sites (page_id, kind,
--   default_product, known_by); reference_domains.
WITH intents AS (
    SELECT
        page_id,
        bool_or(intent = 'servicing' AND field <> 'about') AS is_servicing,
        bool_or(intent = 'shopping' AND field <> 'about') AS is_shopping,
        bool_or(intent = 'shopping' AND field = 'about') AS about_shopping
    FROM finance_intents
    GROUP BY page_id
),
vetoes AS (
    SELECT
        page_id,
        bool_or(veto = 'news') AS is_news,
        bool_or(veto = 'reading') AS is_reading,
        bool_or(veto = 'aside') AS is_aside,
        bool_or(veto = 'trade') AS is_trade,
        bool_or(veto NOT IN ('news', 'reading', 'aside', 'trade')) AS is_vetoed
    FROM finance_vetoes
    GROUP BY page_id
),
judged_pages AS (
    SELECT
        pages.page_id,
        pages.is_front_page,
        pages.page_id IN (SELECT page_id FROM finance_named) AS is_named,
        pages.terms_text <> '' AS is_search,
        coalesce(sites.kind = 'comparison', FALSE) AS is_comparison,
        coalesce(sites.kind <> 'comparison', FALSE) AS is_provider,
        sites.kind,
        sites.default_product,
        sites.known_by,
        coalesce(intents.is_servicing, FALSE) AS is_servicing,
        coalesce(intents.is_shopping, FALSE) AS is_shopping,
        coalesce(intents.about_shopping, FALSE) AS about_shopping,
        coalesce(vetoes.is_news, FALSE) OR pages.is_article AS is_news,
        pages.path_words <= 6 AS is_short,
        pages.is_front_page AND pages.domain NOT IN (SELECT domain FROM reference_domains) AS is_unknown_front_page,
        coalesce(vetoes.is_reading, FALSE) AS is_reading,
        coalesce(vetoes.is_aside, FALSE) AS is_aside,
        coalesce(vetoes.is_trade, FALSE) AS is_trade,
        pages.domain NOT IN (SELECT domain FROM reference_domains) AS is_unknown,
        coalesce(vetoes.is_vetoed, FALSE) AS is_vetoed
    FROM pages
    LEFT JOIN page_sites AS sites USING (page_id)
    LEFT JOIN intents USING (page_id)
    LEFT JOIN vetoes USING (page_id)
),
ranked AS (
    SELECT
        page_id,
        finance_product,
        field,
        count(*) OVER (PARTITION BY page_id, finance_product) > 1 AS is_named_twice,
        dense_rank() OVER (PARTITION BY page_id ORDER BY list_position(
            ['search_terms', 'path', 'title', 'site path', 'site title', 'about', 'well together', 'together'], field)) AS place
    FROM finance_named
),
by_site AS (
    SELECT page_id, default_product
    FROM judged_pages
    WHERE coalesce(default_product, '') <> ''
      AND (page_id NOT IN (SELECT page_id FROM finance_named WHERE NOT ends_with(field, 'together')
               OR default_product = 'banking' AND finance_product <> 'investing') OR (is_front_page AND is_provider)
           OR kind IN ('payday', 'tax', 'crypto_exchange'))
),
named AS (
    SELECT page_id, finance_product, field AS named_in, is_named_twice
    FROM ranked
    ANTI JOIN by_site USING (page_id)
    WHERE place = 1
),
-- A product that is part of another's name, and the other.
within AS (
    SELECT * FROM (VALUES
        ('medical_insurance', 'travel_insurance'), ('retirement', 'crypto'), ('credit_reporting', 'payday_loans'),
        ('personal_loans', 'auto_loans'), ('personal_loans', 'mortgages'), ('personal_loans', 'student_loans')
    ) AS pairs (finance_product, other)
),
about_products AS (
    SELECT named.*
    FROM named
    ANTI JOIN (
        SELECT named.page_id, within.finance_product FROM within JOIN named ON named.finance_product = within.other
    ) AS part USING (page_id, finance_product)
    UNION ALL
    SELECT page_id, default_product, 'site', FALSE FROM by_site
),
judged AS (
    SELECT
        page_id,
        finance_product,
        is_front_page AND is_provider AND NOT is_shopping AS is_front_page,
        CASE
            WHEN is_vetoed THEN NULL
            WHEN is_servicing AND is_provider THEN 'servicing'
            WHEN is_search THEN CASE
                WHEN named_in <> 'search_terms' THEN NULL
                WHEN is_servicing THEN 'servicing'
                WHEN is_shopping THEN 'shopping'
            END
            WHEN is_provider OR is_comparison THEN CASE
                -- What a company tells beside its products: its blog, its race.
                WHEN (is_aside OR is_trade AND known_by <> 'by list') AND named_in NOT IN ('path', 'title') THEN NULL
                WHEN named_in IN ('path', 'title', 'site path') THEN 'shopping'
                WHEN is_shopping OR named_in = 'site' AND (is_front_page OR kind IN ('payday', 'tax', 'crypto_exchange') AND is_named) THEN 'shopping'
                WHEN named_in IN ('about', 'together', 'well together') AND about_shopping AND NOT is_front_page THEN 'shopping'
                -- All that a company of one product shows is about it.
                WHEN is_provider AND NOT is_reading AND NOT is_news AND (
                    named_in IN ('about', 'together', 'well together')
                    OR named_in IN ('site', 'site title') AND finance_product = default_product AND default_product <> 'banking'
                ) THEN 'shopping'
            END
            WHEN is_news OR is_reading THEN NULL
            -- A dentist takes insurances, a shop gives loans.
            WHEN is_trade AND named_in NOT IN ('path', 'title') THEN NULL
            WHEN named_in = 'about' AND NOT is_named_twice THEN NULL
            WHEN is_servicing THEN 'servicing'
            WHEN is_shopping
                -- Who puts it on the front page sells it.
                OR is_unknown_front_page
                OR about_shopping AND ends_with(named_in, 'together')
                -- Funds and coins are read about as markets; a loan or an insurance hardly.
                OR is_short AND (about_shopping OR is_named_twice AND finance_product NOT IN ('investing', 'crypto'))
                -- What a site that nobody knows calls by an exact name, or offers, it sells.
                OR is_short AND is_unknown AND NOT is_trade AND finance_product NOT IN ('investing', 'crypto')
                OR is_short AND is_unknown AND named_in = 'well together' THEN 'shopping'
        END AS intent,
        concat_ws(', ',
            CASE
                WHEN is_search AND named_in = 'search_terms' THEN 'search'
                WHEN is_comparison THEN 'comparison site'
                WHEN is_provider THEN concat(kind, ' ', known_by)
                ELSE 'other site'
            END,
            CASE named_in WHEN 'site' THEN 'the site''s own product' ELSE 'named in ' || replace(named_in, '_', ' ') END,
            CASE
                WHEN is_servicing THEN 'words for using it'
                WHEN is_shopping OR (named_in = 'about' AND about_shopping) THEN 'words for choosing it'
                ELSE 'a page about it'
            END) AS why
    FROM about_products
    JOIN judged_pages USING (page_id)
)
SELECT page_id, finance_product, intent, is_front_page, why
FROM judged
WHERE intent IS NOT NULL;
