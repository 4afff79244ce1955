-- What: the product that a page's things and offers name together: one per page, the one that most says.
-- Columns: page_id, field ('together', or 'well together' by more than needed), finance_product.
-- A thing that only the description has needs more of an offer. Of equals the narrower product: a pet's before a home's.
-- Worked example: "dogs" with cover is pet_insurance; "home" with APR is mortgages.
-- Needs: offered (finance_offered.sql), found_words (page_id, field, kind, word), reference_finance_objects.
SELECT page_id, CASE WHEN weight >= 3 THEN 'well together' ELSE 'together' END AS field, finance_product
FROM (
    SELECT
        page_id,
        word AS finance_product,
        offer,
        max(CASE WHEN field = 'front_text' THEN 2 ELSE 1 END) AS object_weight,
        any_value(weight) AS weight,
        any_value(front_weight) AS front_weight
    FROM found_words
    JOIN (SELECT DISTINCT finance_product, offer FROM reference_finance_objects) AS objects ON finance_product = word
    JOIN offered USING (page_id, offer)
    WHERE kind = 'object'
    GROUP BY ALL
)
WHERE object_weight = 2 OR (weight >= 3 AND front_weight >= 2)
QUALIFY row_number() OVER (PARTITION BY page_id ORDER BY object_weight DESC, weight DESC, list_position(
    ['pet_insurance', 'travel_insurance', 'payday_loans', 'student_loans', 'auto_loans', 'life_insurance',
     'medical_insurance', 'crypto', 'retirement', 'tax', 'credit_reporting', 'home_insurance', 'mortgages',
     'auto_insurance', 'credit_cards', 'investing', 'banking', 'personal_loans'], finance_product)) = 1
