-- What: one row per new page that says in its tags, or by its address at a marketplace, that it sells one product.
-- Columns: page_id, site, name, brand, category, gtin, mpn, sku, json_ld (text of a tag with a schema.org product),
--   market_kind, market_code, is_resale, method (metadata or marketplace), stage, load_id.
-- A result page of a search sells nothing; `product.group` is a list of products. Brands and categories of sites on
--   which private people sell are theirs, not a maker's: left out.
-- Worked example: og:type product, og:title "Sony WH-1000XM7", product:brand "Sony": method metadata.
-- Needs: macros.sql; new_product_pages, market_pages (page_id, market_kind, market_code, is_resale).
WITH tagged AS (
    SELECT
        *,
        list_filter(metadata, lambda tag: contains(tag.content, 'schema.org') AND contains(tag.content, 'Product'))[1].content AS json_ld,
        lower(first_tag(metadata, ['og:type'])) AS og_type,
        len(list_filter(metadata, lambda tag: is_product_tag(tag.name)
            OR (lower(tag.name) IN ('twitter:label1', 'twitter:label2') AND lower(tag.content) IN ('price', 'preis', 'prix', 'precio')))) > 0 AS has_product_tag
    FROM new_product_pages
    WHERE search_terms IS NULL
),
found AS (
    SELECT tagged.*, market.market_kind, market.market_code, coalesce(market.is_resale, FALSE) AS is_resale,
        has_product_tag OR json_ld IS NOT NULL
            OR coalesce(regexp_full_match(og_type, '(?:og:)?product(?:\.item)?|(?:books?[.:])?book|[a-z_]+:product'), FALSE) AS is_structured
    FROM tagged
    LEFT JOIN market_pages AS market USING (page_id)
)
SELECT
    page_id,
    site,
    coalesce(first_tag(metadata, ['product:name', 'og:product:name']), first_tag(metadata, ['og:title']),
        first_tag(metadata, ['twitter:title']), title) AS name,
    CASE WHEN NOT is_resale THEN first_tag(metadata, ['product:brand', 'og:brand', 'brand', 'product:manufacturer']) END AS brand,
    CASE WHEN NOT is_resale THEN first_tag(metadata, ['product:category', 'og:category']) END AS category,
    first_tag(metadata, ['product:gtin', 'product:gtin13', 'product:gtin14', 'gtin', 'gtin13', 'gtin12', 'product:ean', 'ean',
        'product:upc', 'upc', 'book:isbn', 'books:isbn', 'og:isbn', 'product:isbn', 'isbn']) AS gtin,
    first_tag(metadata, ['product:mfr_part_no', 'product:mpn', 'mpn']) AS mpn,
    first_tag(metadata, ['product:retailer_item_id', 'product:retailer_part_no', 'product:sku', 'sku', 'product_id']) AS sku,
    json_ld,
    market_kind,
    market_code,
    is_resale,
    CASE WHEN is_structured THEN 'metadata' ELSE 'marketplace' END AS method,
    product_stage(url_path(url), NULL, TRUE) AS stage,
    load_id
FROM found
WHERE (is_structured AND og_type IS DISTINCT FROM 'product.group') OR market_kind IS NOT NULL
ORDER BY page_id;
