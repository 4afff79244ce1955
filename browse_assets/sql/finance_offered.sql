-- What: one row per page and kind of offer that its words add up to: one word that says it alone, or two that hint at it.
-- Columns: page_id, offer, weight, front_weight (in the site's name, path and title alone).
-- In the description a word that says it alone is a hint like the others, and alone a description offers nothing.
-- Worked example: "coverage" in the title and "quote" in the description are (cover, 2, 1); "policy" alone is no row.
-- Needs: found_words (page_id, field, kind, word: offer, weight and number of the pattern).
SELECT
    page_id,
    split_part(word, ' ', 1) AS offer,
    sum(in_front) AS front_weight,
    sum(CASE WHEN in_front > 0 THEN in_front ELSE 1 END) AS weight
FROM (
    SELECT page_id, word, max(CASE WHEN field = 'front_text' THEN split_part(word, ' ', 2)::INTEGER ELSE 0 END) AS in_front
    FROM found_words
    WHERE kind = 'offer'
    GROUP BY ALL
)
GROUP BY ALL
HAVING weight >= 2 AND front_weight >= 1
