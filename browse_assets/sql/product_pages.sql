-- What: one row per page and product of the watch list that the page names.
-- Columns: page_id, product_id, stage (view, compare, cart or purchase).
-- Worked example: /cart/iphone-17 on any domain: product iphone-17, stage cart.
-- Needs: pages, product_names (page_id, product_id: pages whose text a product's pattern matches),
--   reference_products (product_id, domains separated by semicolons, or none for anywhere).
SELECT
    pages.page_id,
    names.product_id,
    CASE
        WHEN regexp_matches(pages.path_text, '\b(order confirmation|thank you|order complete|purchase complete|checkout success)\b') THEN 'purchase'
        WHEN regexp_matches(pages.path_text, '\b(cart|basket|checkout|bag|warenkorb|panier)\b') THEN 'cart'
        WHEN regexp_matches(pages.text, '\b(vs|versus|compare|comparison|review|reviews|best|test|vergleich|comparatif)\b') THEN 'compare'
        ELSE 'view'
    END AS stage
FROM pages
JOIN product_names AS names USING (page_id)
JOIN reference_products AS products USING (product_id)
WHERE coalesce(products.domains, '') = '' OR list_contains(string_split(products.domains, ';'), pages.domain);
