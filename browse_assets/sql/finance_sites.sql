-- What: one row per financial site of the lists, and per site visited that its name alone says is one.
-- Columns: domain, kind (as in finance_domains.csv), default_product ('' for none), known_by (by list,
--   by name).
-- A site that a list knows as something else is never financial by its name.
-- Worked example: chase.com is (bank, banking, by list); sandhillsfcu.com, on no list, (bank, banking, by name).
-- Needs: reference_finance_domains, reference_domains; named_sites (domain, kind, default_product).
WITH by_topic AS (
    SELECT * FROM (VALUES
        ('392', 'bank', 'banking'), ('398', 'insurer', ''), ('399', 'insurer', 'medical_insurance'),
        ('400', 'insurer', 'home_insurance'), ('401', 'insurer', 'life_insurance'),
        ('402', 'insurer', 'auto_insurance'), ('403', 'insurer', 'pet_insurance'),
        ('404', 'insurer', 'travel_insurance')
    ) AS topics (topic_id, kind, default_product)
),
listed AS (
    SELECT domain, kind, coalesce(default_product, '') AS default_product FROM reference_finance_domains
    UNION ALL
    SELECT domain, by_topic.kind, by_topic.default_product
    FROM reference_domains
    JOIN by_topic USING (topic_id)
    ANTI JOIN reference_finance_domains USING (domain)
    WHERE source <> 'curated'
)
SELECT domain, kind, default_product, 'by list' AS known_by
FROM listed
UNION ALL
SELECT domain, kind, default_product, 'by name'
FROM named_sites
ANTI JOIN listed USING (domain)
ANTI JOIN reference_domains USING (domain)
ORDER BY domain;
