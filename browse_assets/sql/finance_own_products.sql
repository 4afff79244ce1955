-- What: one row per page of a financial site and product that the looser words of such sites name.
-- Columns: page_id, finance_product.
-- A lender of one kind of loan means it by `credit` and `financing`; only others mean personal loans.
-- Worked example: /apply-for-credit is auto_loans at a car maker's bank, personal_loans at a lender of all kinds.
-- Needs: found_labels (page_id, finance_product, or `own` for the site's own), page_sites.
SELECT DISTINCT
    page_id,
    CASE WHEN finance_product = 'own' OR (finance_product = 'personal_loans' AND kind = 'lender' AND default_product <> '')
        THEN default_product
        ELSE finance_product
    END AS finance_product
FROM found_labels
JOIN page_sites USING (page_id)
WHERE finance_product <> 'own' OR default_product <> ''
